#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# report.html in a browser without a screen: nothing on its console, the rings are there; in the light, in the dark,
# and on paper.
set -uo pipefail
. tests/tap.sh
: "${BUILD:=build}" "${VIRTQ:=$BUILD/virtq}"

if ! command -v chromium >/dev/null; then
    skip "report.html" "no chromium"
    finish
fi

# browse PAGE ARGUMENT...: what it says is in $tap_dir/browser.log. One that crashes as it starts gets another chance.
browse() {
    local _
    for _ in 1 2 3; do
        rm -rf "$tap_dir/profile"
        ! _browse "$@" >"$tap_dir/browser.out" || break
    done
    cat "$tap_dir/browser.out"
}
_browse() {
    local page=$1
    shift
    timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
        --user-data-dir="$tap_dir/profile" --enable-logging=stderr --window-size=1100,1400 "$@" "file://$page" \
        2>"$tap_dir/browser.log"
}

for scenario in stuck roles packed-stuck held-tracked hostile-names vhost-pending; do
    fixtures/mini-qemu/make-core.sh "$BUILD/mini-qemu/mini-qemu-7.2" "fixtures/mini-qemu/scenarios/$scenario.scn" \
        "$tap_dir/core" >"$tap_dir/make.log" 2>&1
    page=$tap_dir/$scenario.html
    "$VIRTQ" report --no-cache --format html "$tap_dir/core" -o "$page"
    browse "$page" --dump-dom >"$tap_dir/dom"
    equal "$scenario: no error on the console" "" "$(grep CONSOLE "$tap_dir/browser.log")"
    rings=$("$VIRTQ" --json --no-cache "$tap_dir/core" 2>/dev/null | jq '[.devices[].queues[] | select(."set-up" and .readable)] | length')
    # a ring that is stuck is drawn once more, beside its finding
    check "$scenario: $rings rings are drawn" test "$(grep -c '<svg class="ring"' "$tap_dir/dom")" -ge "$rings"
    heads=$("$VIRTQ" --json --no-cache "$tap_dir/core" 2>/dev/null | jq '[.devices[].queues[].requests[] | select(.head != null)] | length')
    check "$scenario: $heads heads in flight are drawn" test "$(grep -c '<path class="head ' "$tap_dir/dom")" -ge "$heads"
    contains "$scenario: it is whole" "$(tail -n 5 "$tap_dir/dom")" "what it was drawn from"
    equal "$scenario: nothing is fetched" "" "$(grep -oE '(src|href)="[^"#][^"]*' "$tap_dir/dom" | grep -v 'href="data:,')"
    equal "$scenario: no script" 0 "$(grep -ci '<script' "$tap_dir/dom")"
done
check "there were heads to draw" grep -q '<path class="head in-device"' "$tap_dir/held-tracked.html"
page=$tap_dir/stuck.html
browse "$page" --dump-dom >"$tap_dir/dom"
contains "the finding is the heading" "$(cat "$tap_dir/dom")" '<h1><span class="stuck">disk0 queue 0 (request):</span> the device has the request'
contains "the request in flight is an arc" "$(cat "$tap_dir/dom")" '<path class="arc in-device"'
for index in used last shadow avail; do
    contains "the index is a mark: $index" "$(cat "$tap_dir/dom")" "<path class=\"mark m-$index\""
done

# VIRTQ_PICTURES: where to leave the pictures for README
pictures=${VIRTQ_PICTURES:-$tap_dir}
browse "$page" --screenshot="$pictures/light.png" >/dev/null
browse "$page" --force-dark-mode --blink-settings=preferredColorScheme=0 --screenshot="$pictures/dark.png" >/dev/null
check "a picture in the light" test -s "$pictures/light.png"
check "a picture in the dark" test -s "$pictures/dark.png"
check "they are not the same" sh -c '! cmp -s "$@"' - "$pictures/light.png" "$pictures/dark.png"
browse "$page" --no-pdf-header-footer --print-to-pdf="$tap_dir/page.pdf" >/dev/null
if command -v pdftotext >/dev/null; then
    paper=$(pdftotext -layout "$tap_dir/page.pdf" - 2>&1)
    contains "on paper: the finding" "$paper" "in-device/backend-io"
    contains "on paper: the ring's numbers" "$paper" "1 in the device"
    contains "on paper: the table" "$paper" "inuse"
else
    skip "on paper" "no pdftotext (package poppler-utils)"
fi
finish

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SHA-256 (FIPS 180-4). By hand: none of the libraries that virtq needs has
 * it, and a library for eighty lines would be one more to install on a host.
 */
#ifndef VIRTQ_BASE_SHA256_H
#define VIRTQ_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

/** Room for the digits and the NUL. */
enum { SHA256_TEXT_SIZE = 65 };

/** The digest of @bytes in lower-case hexadecimal. */
void sha256_text(const void *bytes, size_t length, char text_ret[SHA256_TEXT_SIZE]);

#endif

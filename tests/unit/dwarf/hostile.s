# SPDX-License-Identifier: GPL-3.0-or-later
# DWARF that no compiler makes: references in circles, siblings backwards, structs without end.

	.text
	.globl _start
	.type _start, %function
_start:
	.byte 0
	.size _start, 1

	.section .debug_abbrev, "", %progbits
.macro abbreviation code, tag, children
	.uleb128 \code
	.uleb128 \tag
	.byte \children
.endm
.macro attribute name, form
	.uleb128 \name
	.uleb128 \form
.endm
.macro end_of_abbreviation
	.byte 0, 0
.endm
.Labbrev:
	abbreviation 1, 0x11, 1		# compile unit
	attribute 0x03, 0x08		# name: string
	end_of_abbreviation
	abbreviation 2, 0x16, 0		# typedef
	attribute 0x03, 0x08
	attribute 0x49, 0x13		# type: ref4
	end_of_abbreviation
	abbreviation 3, 0x13, 1		# structure
	attribute 0x03, 0x08
	attribute 0x0b, 0x0b		# byte size: data1
	end_of_abbreviation
	abbreviation 4, 0x0d, 0		# nameless member
	attribute 0x49, 0x13
	attribute 0x38, 0x0b		# location: data1
	end_of_abbreviation
	abbreviation 5, 0x3d, 0		# imported unit
	attribute 0x18, 0x13		# import: ref4
	end_of_abbreviation
	abbreviation 6, 0x2e, 0		# subprogram without a name
	attribute 0x31, 0x13		# abstract origin: ref4
	end_of_abbreviation
	abbreviation 7, 0x13, 1		# structure with a sibling
	attribute 0x03, 0x08
	attribute 0x01, 0x13		# sibling: ref4
	end_of_abbreviation
	abbreviation 8, 0x0d, 0		# member
	attribute 0x03, 0x08
	attribute 0x49, 0x13
	end_of_abbreviation
	abbreviation 9, 0x01, 1		# array
	attribute 0x49, 0x13
	end_of_abbreviation
	abbreviation 10, 0x21, 0	# range
	attribute 0x37, 0x0f		# count: udata
	end_of_abbreviation
	abbreviation 11, 0x34, 0	# variable without a name
	attribute 0x31, 0x13
	end_of_abbreviation
	abbreviation 12, 0x24, 0	# base type
	attribute 0x03, 0x08
	attribute 0x0b, 0x0f		# byte size: udata
	end_of_abbreviation
	abbreviation 13, 0x0d, 0	# member far out
	attribute 0x03, 0x08
	attribute 0x49, 0x13
	attribute 0x38, 0x0f		# location: udata
	end_of_abbreviation
	abbreviation 14, 0x0d, 0	# nameless member far out
	attribute 0x49, 0x13
	attribute 0x38, 0x0f
	end_of_abbreviation
	.byte 0

	.section .debug_info, "", %progbits
.macro reference label
	.long \label - .Linfo
.endm
.Linfo:
	.long .Lend - .Lversion
.Lversion:
	.short 4
	.long .Labbrev
	.byte 8
.Lunit:
	.uleb128 1
	.string "dwarf/queue.c"

.Limport:
	.uleb128 5			# imports itself
	reference .Lunit

.Lfirst:
	.uleb128 2			# first is second is first
	.string "First"
	reference .Lsecond
.Lsecond:
	.uleb128 2
	.string "Second"
	reference .Lfirst

.Lorigin:
	.uleb128 6			# function that is an instance of itself
	reference .Lorigin
.Lvariable:
	.uleb128 11
	reference .Lvariable

.Lnest:
	.uleb128 3			# contains itself, without a name
	.string "Nest"
	.byte 8
	.uleb128 4
	reference .Lnest
	.byte 0
	.byte 0

# Ten of the next in each: a hundred million ways to look for a member.
.macro fan name, label, next
\label:
	.uleb128 3
	.string "\name"
	.byte 8
	.rept 10
	.uleb128 4
	reference \next
	.byte 1
	.endr
	.byte 0
.endm
	fan "Fan", .Lfan0, .Lfan1
	fan "Fan1", .Lfan1, .Lfan2
	fan "Fan2", .Lfan2, .Lfan3
	fan "Fan3", .Lfan3, .Lfan4
	fan "Fan4", .Lfan4, .Lfan5
	fan "Fan5", .Lfan5, .Lfan6
	fan "Fan6", .Lfan6, .Lfan7
	fan "Fan7", .Lfan7, .Linteger

.Linteger:
	.uleb128 12
	.string "integer"
	.uleb128 0x7fffffffffffffff

.Lrow:
	.uleb128 9			# array of itself
	reference .Lrow
	.uleb128 10
	.uleb128 3
	.byte 0
.Lmany:
	.uleb128 9			# more bytes than there are
	reference .Linteger
	.uleb128 10
	.uleb128 3
	.byte 0

	.uleb128 3
	.string "Sizes"
	.byte 8
	.uleb128 8
	.string "endless"
	reference .Lrow
	.uleb128 8
	.string "huge"
	reference .Lmany
	.uleb128 8
	.string "circular"
	reference .Lfirst
	.uleb128 8
	.string "outside"
	.long 0x7fffffff
	.byte 0

.Linner:
	.uleb128 3
	.string "Inner"
	.byte 8
	.uleb128 13
	.string "far"
	reference .Linteger
	.uleb128 0xffffffffffffff00
	.byte 0
	.uleb128 3
	.string "Outer"
	.byte 8
	.uleb128 14
	reference .Linner
	.uleb128 0x200
	.byte 0

.Lbackwards:
	.uleb128 7			# its sibling is in front of it
	.string "Backwards"
	reference .Lfirst
	.byte 0
	.uleb128 3
	.string "NeverReached"
	.byte 1
	.byte 0
	.byte 0
.Lend:

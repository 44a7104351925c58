/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * I/O that no command of the test guest's shell can do, without end:
 *   guest-io poll FILE      reads that wait by polling (io_uring, IORING_SETUP_IOPOLL): the only user of a disk's poll queues
 *   guest-io crypto DRIVER  encrypts with that driver of the kernel's cbc(aes), through AF_ALG
 *
 * It is a program of the guest: statically linked, and copied there by the test.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BLOCK = 4096, FILE_BLOCKS = 1024, KEY = 16, IV = 16 };

static void *map_ring(int ring, size_t size, off_t offset)
{
	void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);

	if (address == MAP_FAILED)
		err(1, "mmap");
	return address;
}

static void poll_reads(const char *path)
{
	struct io_uring_params params = { .flags = IORING_SETUP_IOPOLL };
	int file = open(path, O_RDONLY | O_DIRECT);
	int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	void *buffer;

	if (file < 0)
		err(1, "%s", path);
	if (ring < 0)
		err(1, "io_uring_setup");
	if (posix_memalign(&buffer, BLOCK, BLOCK))
		errx(1, "out of memory");

	char *submission = map_ring(ring, params.sq_off.array + params.sq_entries * sizeof(uint32_t),
				    IORING_OFF_SQ_RING);
	char *completion = map_ring(ring, params.cq_off.cqes +
				    params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	struct io_uring_sqe *request = map_ring(ring, params.sq_entries * sizeof(*request), IORING_OFF_SQES);
	_Atomic uint32_t *tail = (void *)(submission + params.sq_off.tail);
	_Atomic uint32_t *head = (void *)(completion + params.cq_off.head);
	_Atomic uint32_t *completed = (void *)(completion + params.cq_off.tail);
	const uint32_t *cq_mask = (void *)(completion + params.cq_off.ring_mask);
	const struct io_uring_cqe *results = (void *)(completion + params.cq_off.cqes);

	for (uint64_t block = 0;; block++) {
		*request = (struct io_uring_sqe){
			.opcode = IORING_OP_READ, .fd = file, .addr = (uintptr_t)buffer, .len = BLOCK,
			.off = block % FILE_BLOCKS * BLOCK,
		};
		atomic_fetch_add(tail, 1);
		if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
			err(1, "io_uring_enter");
		/* the kernel also returns when another task wants the CPU */
		while (*completed == *head)
			if (syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
				err(1, "io_uring_enter");
		int32_t result = results[*head & *cq_mask].res;
		atomic_fetch_add(head, 1);
		if (result != BLOCK)
			errx(1, "%s: a read gave %d", path, result);
	}
}

static void encrypt(const char *driver)
{
	struct sockaddr_alg address = { .salg_family = AF_ALG, .salg_type = "skcipher" };
	char control[CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(struct af_alg_iv) + IV)] = { 0 };
	char key[KEY] = "virtq's own key", data[BLOCK] = { 0 };
	int algorithm = socket(AF_ALG, SOCK_SEQPACKET, 0);

	strncpy((char *)address.salg_name, driver, sizeof(address.salg_name) - 1);
	if (algorithm < 0 || bind(algorithm, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", driver);
	if (setsockopt(algorithm, SOL_ALG, ALG_SET_KEY, key, sizeof(key)))
		err(1, "ALG_SET_KEY");
	int operation = accept(algorithm, NULL, 0);
	if (operation < 0)
		err(1, "accept");

	struct iovec part = { data, sizeof(data) };
	struct msghdr message = {
		.msg_control = control, .msg_controllen = sizeof(control), .msg_iov = &part, .msg_iovlen = 1,
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_ALG;
	header->cmsg_type = ALG_SET_OP;
	header->cmsg_len = CMSG_LEN(sizeof(uint32_t));
	*(uint32_t *)(void *)CMSG_DATA(header) = ALG_OP_ENCRYPT;
	header = CMSG_NXTHDR(&message, header);
	header->cmsg_level = SOL_ALG;
	header->cmsg_type = ALG_SET_IV;
	header->cmsg_len = CMSG_LEN(sizeof(struct af_alg_iv) + IV);
	((struct af_alg_iv *)(void *)CMSG_DATA(header))->ivlen = IV;

	while (sendmsg(operation, &message, 0) == BLOCK && read(operation, data, BLOCK) == BLOCK)
		;
	err(1, "%s", driver);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "poll"))
		poll_reads(argv[2]);
	else if (argc == 3 && !strcmp(argv[1], "crypto"))
		encrypt(argv[2]);
	errx(1, "usage: guest-io poll FILE | crypto DRIVER");
}

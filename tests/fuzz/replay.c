/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * main() of a fuzz target without libFuzzer: runs it on files, so that what a
 * fuzzer found once stays tested.
 *
 *	fuzz_X [--mutations N] [--save DIRECTORY] [FILE|DIRECTORY]...
 *	fuzz_X --seeds DIRECTORY
 *
 * Runs the seeds that the target makes itself, then every file, then each of
 * them N times with bits flipped, bytes changed or the end cut off: the same
 * ways in every run. An input that takes longer than ten seconds is a find. On
 * a find the input is written to DIRECTORY, and its name printed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum { SECONDS_MAX = 60, FILE_MAX = 16 << 20 };

static unsigned int mutations;
static const char *save_directory;

/** What is being run, for the report of a find. */
static const uint8_t *current;
static size_t current_size;
static char current_name[4096];

static unsigned long runs;
static double slowest;
static char slowest_name[4096];

static void save_current(void)
{
	char path[4096];

	fprintf(stderr, "input: %s, %zu bytes\n", current_name, current_size);
	if (!save_directory || !current)
		return;
	snprintf(path, sizeof(path), "%s/find-%d", save_directory, (int)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd >= 0 && write(fd, current, current_size) == (ssize_t)current_size)
		fprintf(stderr, "written to %s\n", path);
	current = NULL;
}

static void on_signal(int signal_number)
{
	fprintf(stderr, "%s\n", signal_number == SIGALRM ? "too slow" : strsignal(signal_number));
	save_current();
	_exit(1);
}

/* Of the sanitizers' run-time, if there is one. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void catch_finds(void)
{
	signal(SIGALRM, on_signal);
	signal(SIGABRT, on_signal);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(save_current);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run(const uint8_t *input, size_t size)
{
	double start = now();

	/* exactly as large as the input, so that a byte too far is noticed */
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	if (size)
		memcpy(copy, input, size);
	current = copy;
	current_size = size;
	alarm(SECONDS_MAX);
	LLVMFuzzerTestOneInput(copy, size);
	alarm(0);
	current = NULL;
	free(copy);
	runs++;
	if (now() - start > slowest) {
		slowest = now() - start;
		strcpy(slowest_name, current_name);
	}
}

static uint64_t random_state;

/** xorshift64*: the same numbers everywhere. */
static uint32_t random_number(size_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(2685821657736338717) >> 33) % below);
}

static void mutate(uint8_t *input, size_t *size)
{
	static const uint8_t special[] = { 0, 1, 0x7f, 0x80, 0xff, '\n', ' ', '9' };

	if (!*size)
		return;
	/* headers come first, and matter most */
	size_t reach = random_number(2) && *size > 256 ? 256 : *size;
	for (uint32_t i = 1 + random_number(4); i; i--) {
		size_t at = random_number(reach);

		switch (random_number(4)) {
		case 0:
			input[at] ^= (uint8_t)(1 << random_number(8));
			break;
		case 1:
			input[at] = special[random_number(sizeof(special))];
			break;
		case 2:
			memset(input + at, special[random_number(sizeof(special))],
			       *size - at < 8 ? *size - at : 8);
			break;
		default:
			input[at] = (uint8_t)random_number(256);
		}
	}
	if (random_number(4) == 0)
		*size = random_number(*size);
}

static void run_with_mutations(const uint8_t *input, size_t size, const char *name)
{
	uint8_t *mutated = malloc(size ? size : 1);

	if (!mutated)
		abort();
	snprintf(current_name, sizeof(current_name), "%s", name);
	run(input, size);
	random_state = 0x9e3779b97f4a7c15 + size;
	for (unsigned int i = 0; i < mutations; i++) {
		size_t mutated_size = size;

		if (size)
			memcpy(mutated, input, size);
		mutate(mutated, &mutated_size);
		snprintf(current_name, sizeof(current_name), "mutation %u of %s", i, name);
		run(mutated, mutated_size);
	}
	free(mutated);
}

static bool run_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	bool ok = false;

	if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size <= FILE_MAX) {
		size_t size = (size_t)status.st_size;
		uint8_t *input = malloc(size ? size : 1);

		ok = input && read(fd, input, size) == (ssize_t)size;
		if (ok)
			run_with_mutations(input, size, path);
		free(input);
	}
	if (fd >= 0)
		close(fd);
	if (!ok)
		fprintf(stderr, "%s: cannot be read\n", path);
	return ok;
}

static bool run_path(const char *path)
{
	struct dirent **entries;
	struct stat status;
	bool ok = true;

	if (stat(path, &status) < 0 || !S_ISDIR(status.st_mode))
		return run_file(path);
	int num = scandir(path, &entries, NULL, alphasort);
	if (num < 0)
		return false;
	for (int i = 0; i < num; i++) {
		char *name;

		if (entries[i]->d_name[0] != '.') {
			if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
				abort();
			ok &= run_path(name);
			free(name);
		}
		free(entries[i]);
	}
	free(entries);
	return ok;
}

static void run_seeds(void)
{
	static uint8_t seed[FUZZ_SEED_MAX];
	char name[32];
	size_t size;

	for (size_t i = 0; (size = fuzz_seed(i, seed, sizeof(seed))); i++) {
		snprintf(name, sizeof(name), "seed %zu", i);
		run_with_mutations(seed, size, name);
	}
}

static bool write_seeds(const char *directory)
{
	static uint8_t seed[FUZZ_SEED_MAX];
	size_t size;

	for (size_t i = 0; (size = fuzz_seed(i, seed, sizeof(seed))); i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/seed-%zu", directory, i);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		bool ok = fd >= 0 && write(fd, seed, size) == (ssize_t)size;
		if (fd >= 0)
			close(fd);
		if (!ok) {
			fprintf(stderr, "%s: cannot be written\n", path);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	bool ok = true;
	int i = 1;

	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--seeds") == 0)
			return !write_seeds(argv[i + 1]);
		if (strcmp(argv[i], "--mutations") == 0)
			mutations = (unsigned int)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--save") == 0)
			save_directory = argv[i + 1];
		else
			return 64;
	}
	catch_finds();
	double start = now();
	run_seeds();
	for (; i < argc; i++)
		ok &= run_path(argv[i]);
	printf("%lu inputs in %.1f s, the slowest %.3f s: %s\n", runs, now() - start, slowest,
	       slowest_name);
	return !ok;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * measure [-n RUNS] [-w PID] COMMAND...: run a command RUNS times and print one
 * line: medians of wall time and user time in ms, of peak memory in KiB, and
 * for how long process PID was stopped by a tracer during a run, in ms.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct watch {
	long pid;
	atomic_bool done;
	double stopped_ms;
};

struct run {
	double wall_ms, user_ms, rss_kb, stopped_ms;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/** Is the process in state 't' (stopped by a tracer) or 'T'? */
static int is_stopped(long pid)
{
	char path[64], line[512];

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t length = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	line[length] = 0;
	const char *state = strrchr(line, ')');
	return state && (state[2] == 't' || state[2] == 'T');
}

/** Sums up the time in which the process is found stopped, looking every 200 us. */
static void *watch_thread(void *argument)
{
	struct watch *watch = argument;
	double last = now_ms();

	while (!atomic_load(&watch->done)) {
		struct timespec pause = { 0, 200000 };

		nanosleep(&pause, NULL);
		double now = now_ms();
		if (is_stopped(watch->pid))
			watch->stopped_ms += now - last;
		last = now;
	}
	return NULL;
}

static struct run run_once(char **command, long pid)
{
	struct watch watch = { .pid = pid };
	struct rusage usage;
	pthread_t thread;
	int status;

	if (pid && pthread_create(&thread, NULL, watch_thread, &watch) != 0)
		exit(2);
	double start = now_ms();
	pid_t child = fork();
	if (child < 0)
		exit(2);
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(command[0], command);
		_exit(127);
	}
	wait4(child, &status, 0, &usage);
	double wall = now_ms() - start;
	if (pid) {
		atomic_store(&watch.done, true);
		pthread_join(thread, NULL);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 2) {
		fprintf(stderr, "measure: %s failed (status 0x%x)\n", command[0], (unsigned int)status);
		exit(1);
	}
	return (struct run){ wall,
			     (double)usage.ru_utime.tv_sec * 1e3 + (double)usage.ru_utime.tv_usec / 1e3,
			     (double)usage.ru_maxrss, watch.stopped_ms };
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(const struct run *runs, size_t num, size_t offset)
{
	double values[1000];

	for (size_t i = 0; i < num; i++)
		memcpy(&values[i], (const char *)&runs[i] + offset, sizeof(double));
	qsort(values, num, sizeof(double), compare);
	return values[num / 2];
}

int main(int argc, char **argv)
{
	struct run runs[1000];
	size_t num = 5;
	long pid = 0;
	int option;

	while ((option = getopt(argc, argv, "+n:w:")) != -1) {
		if (option == 'n')
			num = strtoul(optarg, NULL, 10);
		else if (option == 'w')
			pid = strtol(optarg, NULL, 10);
		else
			return 64;
	}
	if (optind == argc || !num || num > 1000)
		return 64;
	for (size_t i = 0; i < num; i++)
		runs[i] = run_once(argv + optind, pid);
	printf("%.2f %.2f %.0f %.2f\n", median(runs, num, offsetof(struct run, wall_ms)),
	       median(runs, num, offsetof(struct run, user_ms)),
	       median(runs, num, offsetof(struct run, rss_kb)),
	       median(runs, num, offsetof(struct run, stopped_ms)));
	return 0;
}

/* clerk-sim: runs seeds of the simulator; of one that fails it prints the shortest
 * history that it can find. */
#include "sim.h"

#include "base/mem.h"
#include "store/sql.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"usage: clerk-sim [--seed N | --seeds A-B] [--jobs J] [--trace] [--folder DIR]\n"
	"\n"
	"  --seed N      replay one seed\n"
	"  --seeds A-B   run many (default: 1-100)\n"
	"  --jobs J      jobs a seed (default: 400)\n"
	"  --trace       print the history\n"
	"  --folder DIR  where the databases are (default: below /dev/shm)\n"
	"\n"
	"Exit status: 0 no invariant was broken, 1 one was (the shortest history found "
	"is\n"
	"printed), 64 usage.\n";

struct arguments {
	uint64_t first, last;
	int jobs;
	bool trace;
	const char *folder;
};

static bool read_arguments(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'S'},
		{"jobs", required_argument, NULL, 'j'}, {"trace", no_argument, NULL, 't'},
		{"folder", required_argument, NULL, 'f'}, {0}};
	unsigned long long first, last;
	int letter;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (letter) {
		case 's':
			ret->first = ret->last = strtoull(optarg, NULL, 10);
			break;
		case 'S':
			if (sscanf(optarg, "%llu-%llu", &first, &last) != 2)
				return false;
			ret->first = first;
			ret->last = last;
			break;
		case 'j':
			ret->jobs = atoi(optarg);
			break;
		case 't':
			ret->trace = true;
			break;
		case 'f':
			ret->folder = optarg;
			break;
		default:
			return false;
		}
	}
	return optind == argc && ret->jobs > 0;
}

/* Whether it still fails in the same way: by the same invariant. */
static bool fails(const struct sim_options *options, const struct sim_result *first)
{
	struct sim_result result;

	sim_run(options, &result);
	return result.failed &&
	       !strncmp(result.why, first->why, strcspn(first->why, ":") + 1);
}

/* Leaves out kinds of trouble, then the end of the schedule, as long as it still fails;
 * then prints what is left. */
static void shrink(const struct sim_options *failed, const struct sim_result *first)
{
	struct sim_options options = *failed;
	int low = 0, high = (int)first->steps;

	for (unsigned bit = 1; bit < SIM_ALL; bit <<= 1) {
		options.troubles &= ~bit;
		if (!fails(&options, first))
			options.troubles |= bit;
	}
	while (high - low > 1) {
		options.max_steps = low + (high - low) / 2;
		if (fails(&options, first))
			high = options.max_steps;
		else
			low = options.max_steps;
	}
	options.max_steps = high;
	options.trace = true;
	printf("seed %llu, troubles 0x%x, %d steps:\n", (unsigned long long)options.seed,
		options.troubles, high);
	(void)fails(&options, first);
}

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.first = 1, .last = 100, .jobs = 400};
	struct sim_result total = {0};
	double began = seconds();
	AUTO(free_ptr) char *folder = NULL;

	if (!read_arguments(argc, argv, &arguments)) {
		(void)fputs(usage, stderr);
		return 64;
	}
	sql_setup();
	sim_vfs_install();
	folder = xasprintf("%s/clerk-sim.%d",
		arguments.folder                ? arguments.folder
		: access("/dev/shm", W_OK) == 0 ? "/dev/shm"
						: "/tmp",
		(int)getpid());
	for (uint64_t seed = arguments.first; seed <= arguments.last; seed++) {
		const struct sim_options options = {.seed = seed,
			.jobs = arguments.jobs,
			.troubles = SIM_ALL,
			.trace = arguments.trace,
			.folder = folder};
		struct sim_result result;

		sim_run(&options, &result);
		total.jobs += result.jobs;
		total.requests += result.requests;
		total.crashes += result.crashes;
		total.turns += result.turns;
		if (result.failed) {
			printf("seed %llu: %s\n", (unsigned long long)seed, result.why);
			if (!arguments.trace)
				shrink(&options, &result);
			return 1;
		}
	}
	began = seconds() - began;
	printf("%llu seeds, %lld jobs, %lld requests, %lld turns, %lld crashes: 0 broken "
	       "invariants, %.0f jobs/s\n",
		(unsigned long long)(arguments.last - arguments.first + 1),
		(long long)total.jobs, (long long)total.requests, (long long)total.turns,
		(long long)total.crashes, (double)total.jobs / began);
	return 0;
}

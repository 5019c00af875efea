/* The points: crash-sweep goes through the scenarios. */
#include "crash.h"

#include "../sim/rng.h"
#include "base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"usage: crash-sweep [--all | --share N] [--seed N] [--scenario NAME] [--folder "
	"DIR]\n"
	"                   [--keep-going] [--point P --damage D\n"
	"                    [--second-point P --second-damage D] --trace]\n"
	"\n"
	"  --all            every point with every damage\n"
	"  --share N        one in N of them, by the seed (default: 10)\n"
	"  --seed N         of the share and of the damages (default: 1)\n"
	"  --scenario NAME  that one alone\n"
	"  --keep-going     after a broken invariant too\n"
	"  --point, …       one image alone, as a broken invariant names it\n"
	"  --folder DIR     where the databases are (default: below /dev/shm)\n"
	"\n"
	"Exit status: 0 no invariant was broken, 1 one was, 64 usage.\n";

/* One of so many images has the writes of its recovery crashed as well, of whose points
 * the same share is taken. With --all it is one damage of each point, and every point. */
#define SECOND_SHARE 60

struct options {
	bool all, trace, keep_going;
	uint64_t seed, share;
	const char *scenario, *folder;
	long point, damage, second, second_damage; /* -1 = all */
};

/* Images that were lived on. */
struct seen {
	uint64_t *hashes; /* owned; 0 = free */
	size_t n, cap;
};

/* What was done to the disk once, with the world as it stood at each point. */
struct record {
	struct disk_log *log;     /* owned */
	struct outside *outsides; /* owned; the tags of the log */
	size_t n, cap;
	struct outside now;
};

struct sweep {
	const struct options *options;
	const struct scenario *scenario;
	char folder[200];
	struct config config;
	struct seen seen;
	int64_t points, images, recoveries, second_points, second_images, found;
};

static struct life new_life(const struct sweep *sweep, struct outside *outside)
{
	return (struct life){.folder = sweep->folder,
		.config = sweep->config,
		.outside = outside,
		.trace = sweep->options->trace};
}

/* ---- a record ---- */

static void on_outside(void *userdata)
{
	struct record *record = userdata;

	if (record->n == record->cap) {
		record->cap = record->cap ? record->cap * 2 : 64;
		record->outsides = xrealloc(
			record->outsides, record->cap * sizeof(*record->outsides));
	}
	disk_note((unsigned)record->n);
	record->outsides[record->n++] = record->now;
}

static void record_begin(struct record *record, struct life *life)
{
	life->outside = &record->now;
	life->on_outside = on_outside;
	life->userdata = record;
	record->log = disk_record(life->folder);
	on_outside(record);
}

static void record_free(struct record *record)
{
	disk_log_free(record->log);
	free(record->outsides);
}

/* ---- images ---- */

static uint64_t draw(const struct sweep *sweep, size_t point, int damage, int level)
{
	struct rng rng = {sweep->options->seed * 1000003 + point * 64 +
			  (uint64_t)damage * 8 + (uint64_t)level};

	for (const char *c = sweep->scenario->name; *c; c++)
		rng.state = rng_next(&rng) ^ (unsigned char)*c;
	return rng_next(&rng);
}

/* Whether an image is new; the world that it meets is part of it. */
static bool is_new(struct seen *seen, uint64_t hash)
{
	size_t at;

	hash += hash == 0;
	if (seen->n * 2 >= seen->cap) {
		struct seen more = {.cap = seen->cap ? seen->cap * 2 : 4096};

		more.hashes = xcalloc(more.cap, sizeof(*more.hashes));
		for (size_t i = 0; i < seen->cap; i++)
			if (seen->hashes[i])
				(void)is_new(&more, seen->hashes[i]);
		free(seen->hashes);
		*seen = more;
	}
	at = hash & (seen->cap - 1);
	for (; seen->hashes[at]; at = (at + 1) & (seen->cap - 1))
		if (seen->hashes[at] == hash)
			return false;
	seen->hashes[at] = hash;
	seen->n++;
	return true;
}

static uint64_t world_hash(const struct outside *outside)
{
	uint64_t hash = (uint64_t)outside->n_tokens * 1000 + (uint64_t)outside->head_seq;

	for (int i = 0; i < OUTSIDE_JOBS; i++)
		hash = hash * 31 + (uint64_t)outside->jobs[i].requests * 2 +
		       outside->jobs[i].told_for_good;
	return hash * UINT64_C(0x9e3779b97f4a7c15);
}

static void say_broken(struct sweep *sweep, const struct life *life,
	const struct disk_log *log, size_t point, int damage, const char *where)
{
	char text[160];

	sweep->found++;
	disk_describe(log, point, text);
	printf("%s: %s--%spoint %zu --%sdamage %d (%s; %s): %s\n", sweep->scenario->name,
		where, *where ? "second-" : "", point, *where ? "second-" : "", damage,
		text, disk_damage_name((enum disk_damage)damage), life->why);
	(void)fflush(stdout);
}

/* Lives on one image, noting what it does where record is given. */
static bool live_on(struct sweep *sweep, const struct disk_image *image,
	const struct outside *outside, uint64_t seed, struct record *record,
	struct life *ret_life)
{
	struct outside own = *outside;

	*ret_life = new_life(sweep, &own);
	disk_image_write(image, sweep->folder, seed);
	if (record) {
		record->now = *outside;
		record_begin(record, ret_life);
	}
	check_to_the_end(ret_life, seed);
	disk_stop();
	life_end(ret_life);
	ret_life->outside = NULL;
	sweep->recoveries++;
	return !ret_life->failed;
}

static bool goes_on(const struct sweep *sweep)
{
	return !sweep->found || sweep->options->keep_going;
}

/* One point of what a recovery did, with one damage. */
static void second_point(struct sweep *sweep, const struct record *record,
	const struct disk *disk, size_t point, const char *where)
{
	const struct options *options = sweep->options;
	int damage = options->second_damage >= 0
			     ? (int)options->second_damage
			     : (int)(draw(sweep, point, 0, 2) % DISK__MAX);
	uint64_t seed = draw(sweep, point, damage, 3);
	const struct outside *outside = &record->outsides[disk_tag(record->log, point)];
	struct disk_image image;
	struct life life;

	disk_image(disk, (enum disk_damage)damage, seed, &image);
	sweep->second_points++;
	if (is_new(&sweep->seen, disk_image_hash(&image) ^ world_hash(outside))) {
		sweep->second_images++;
		if (!live_on(sweep, &image, outside, seed, NULL, &life))
			say_broken(sweep, &life, record->log, point, damage, where);
	}
	disk_image_free(&image);
}

static void second_sweep(
	struct sweep *sweep, const struct record *record, const char *where)
{
	const struct options *options = sweep->options;
	struct disk *disk = disk_new(record->log);

	for (size_t point = 0; point < disk_points(record->log) && goes_on(sweep);
		point++) {
		disk_advance(disk, point);
		if (options->second >= 0
				? point != (size_t)options->second
				: !options->all && draw(sweep, point, 0, 4) %
								   (options->share * 3) !=
							   0)
			continue;
		second_point(sweep, record, disk, point, where);
	}
	disk_free(disk);
}

/* Whether the recovery from this image is crashed too. */
static bool is_second(const struct sweep *sweep, size_t point, int damage)
{
	if (sweep->options->point >= 0)
		return sweep->options->second >= 0;
	if (sweep->options->all)
		return draw(sweep, point, 0, 5) % DISK__MAX == (uint64_t)damage;
	return draw(sweep, point, damage, 5) % SECOND_SHARE == 0;
}

static void one_image(struct sweep *sweep, const struct record *record,
	const struct disk *disk, size_t point, int damage)
{
	const struct outside *outside = &record->outsides[disk_tag(record->log, point)];
	uint64_t seed = draw(sweep, point, damage, 1);
	struct record second = {0};
	bool again = is_second(sweep, point, damage);
	struct disk_image image;
	struct life life;
	char where[80];

	disk_image(disk, (enum disk_damage)damage, seed, &image);
	if (is_new(&sweep->seen, disk_image_hash(&image) ^ world_hash(outside))) {
		sweep->images++;
		if (!live_on(sweep, &image, outside, seed, again ? &second : NULL, &life))
			say_broken(sweep, &life, record->log, point, damage, "");
		else if (again) {
			(void)snprintf(where, sizeof(where), "--point %zu --damage %d ",
				point, damage);
			second_sweep(sweep, &second, where);
		}
		record_free(&second);
	}
	disk_image_free(&image);
}

static bool is_chosen(const struct sweep *sweep, size_t point, int damage)
{
	const struct options *options = sweep->options;

	if (options->point >= 0)
		return point == (size_t)options->point &&
		       (options->damage < 0 || damage == options->damage);
	return options->all || draw(sweep, point, damage, 0) % options->share == 0;
}

static void first_sweep(struct sweep *sweep, const struct record *record)
{
	struct disk *disk = disk_new(record->log);

	sweep->points = (int64_t)disk_points(record->log);
	for (size_t point = 0; point < disk_points(record->log); point++) {
		disk_advance(disk, point);
		for (int damage = 0; damage < DISK__MAX && goes_on(sweep); damage++)
			if (is_chosen(sweep, point, damage))
				one_image(sweep, record, disk, point, damage);
	}
	disk_free(disk);
}

/* ---- a scenario ---- */

static bool live_through(struct sweep *sweep, struct record *record)
{
	struct life life = new_life(sweep, &record->now);

	outside_begin(&record->now);
	if (sweep->scenario->prepare)
		sweep->scenario->prepare(&life);
	if (!life.failed) {
		record_begin(record, &life);
		sweep->scenario->play(&life);
		disk_stop();
	}
	life_end(&life);
	if (life.failed)
		printf("%s: %s\n", sweep->scenario->name, life.why);
	return !life.failed;
}

static void run_scenario(struct sweep *sweep)
{
	struct disk_image nothing = {.n = 0};
	struct record record = {0};

	sweep->config = life_config();
	if (sweep->scenario->configure)
		sweep->scenario->configure(&sweep->config);
	disk_image_write(&nothing, sweep->folder, 0);
	if (live_through(sweep, &record))
		first_sweep(sweep, &record);
	else
		sweep->found++;
	record_free(&record);
	free(sweep->seen.hashes);
	printf("%-15s %5lld points, %6lld images, %5lld points of a recovery, %6lld "
	       "images, %6lld recoveries%s\n",
		sweep->scenario->name, (long long)sweep->points, (long long)sweep->images,
		(long long)sweep->second_points, (long long)sweep->second_images,
		(long long)sweep->recoveries, sweep->found ? ": BROKEN" : "");
	(void)fflush(stdout);
}

/* ---- the whole ---- */

static bool read_options(int argc, char **argv, struct options *ret)
{
	static const struct option known[] = {{"all", no_argument, NULL, 'a'},
		{"trace", no_argument, NULL, 't'}, {"keep-going", no_argument, NULL, 'k'},
		{"seed", required_argument, NULL, 's'},
		{"share", required_argument, NULL, 'n'},
		{"scenario", required_argument, NULL, 'c'},
		{"folder", required_argument, NULL, 'f'},
		{"point", required_argument, NULL, 'p'},
		{"damage", required_argument, NULL, 'd'},
		{"second-point", required_argument, NULL, 'P'},
		{"second-damage", required_argument, NULL, 'D'}, {0}};
	int letter;

	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (letter) {
		case 'a':
			ret->all = true;
			break;
		case 't':
			ret->trace = true;
			break;
		case 'k':
			ret->keep_going = true;
			break;
		case 's':
			ret->seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			ret->share = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			ret->scenario = optarg;
			break;
		case 'f':
			ret->folder = optarg;
			break;
		case 'p':
			ret->point = atol(optarg);
			break;
		case 'd':
			ret->damage = atol(optarg);
			break;
		case 'P':
			ret->second = atol(optarg);
			break;
		case 'D':
			ret->second_damage = atol(optarg);
			break;
		default:
			return false;
		}
	}
	return optind == argc && ret->share > 0;
}

static void make_folder(struct sweep *sweep)
{
	static const char *const names[] = {"", "/queue", "/audit", "/tokens"};
	const char *parent = sweep->options->folder;

	if (!parent)
		parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(sweep->folder, sizeof(sweep->folder), "%s/clerk-crash.%d", parent,
		(int)getpid());
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(free_ptr) char *path = xasprintf("%s%s", sweep->folder, names[i]);

		(void)mkdir(path, 0750);
	}
}

static void remove_folder(const struct sweep *sweep)
{
	static const char *const names[] = {"/queue", "/audit", "/tokens", ""};
	struct disk_image nothing = {.n = 0};

	disk_image_write(&nothing, sweep->folder, 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(free_ptr) char *path = xasprintf("%s%s", sweep->folder, names[i]);

		(void)rmdir(path);
	}
}

static void add_up(struct sweep *total, const struct sweep *one)
{
	total->points += one->points;
	total->images += one->images;
	total->second_points += one->second_points;
	total->second_images += one->second_images;
	total->recoveries += one->recoveries;
	total->found += one->found;
}

/* fault: D10 */
int main(int argc, char **argv)
{
	struct options options = {.seed = 1,
		.share = 10,
		.point = -1,
		.damage = -1,
		.second = -1,
		.second_damage = -1};
	struct sweep total = {.options = &options};
	struct timespec began, ended;
	int n = 0;

	if (!read_options(argc, argv, &options)) {
		(void)fputs(usage, stderr);
		return 64;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	make_folder(&total);
	for (int i = 0; i < n_scenarios && goes_on(&total); i++) {
		struct sweep sweep = {.options = &options, .scenario = &scenarios[i]};

		if (options.scenario && strcmp(options.scenario, scenarios[i].name) != 0)
			continue;
		memcpy(sweep.folder, total.folder, sizeof(sweep.folder));
		run_scenario(&sweep);
		add_up(&total, &sweep);
		n++;
	}
	remove_folder(&total);
	(void)clock_gettime(CLOCK_MONOTONIC, &ended);
	printf("%d scenarios, %lld points, %lld images, %lld points of a recovery, %lld "
	       "images, %lld recoveries: %lld broken, %lld s\n",
		n, (long long)total.points, (long long)total.images,
		(long long)total.second_points, (long long)total.second_images,
		(long long)total.recoveries, (long long)total.found,
		(long long)(ended.tv_sec - began.tv_sec));
	return total.found || !n ? 1 : 0;
}

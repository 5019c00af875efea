/*
 * A disk that may lose power. While it records, every write, truncation, sync, creation,
 * deletion and renaming below one folder is noted. From the notes it builds what the disk
 * may hold if the power went during any of them.
 *
 * It sits below SQLite's VFS, at the system calls, so that what the daemon does to files
 * by itself (making them, renaming them, syncing their folder) is seen as well, and a
 * folder counts as synced only where somebody really synced it.
 *
 * What it takes to be true: what was synced stays. What was not is applied, lost, torn,
 * zero or garbage, each sector for itself; bytes beside a write are not touched. Names
 * (created, deleted, renamed) are kept by the sync of their folder alone, and without it
 * those of one folder are lost from the newest on, as a journal of metadata does it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_damage {
	DISK_ALL,     /* everything reached the disk */
	DISK_NONE,    /* nothing that was not synced */
	DISK_SECTORS, /* some sectors of it */
	DISK_TORN,    /* up to the middle of one write, nothing after it */
	DISK_SHORT,   /* all but the end of the last write */
	DISK_ZEROS,   /* files have grown, and what is new in them is zeros */
	DISK_GARBAGE, /* sectors of it are garbage */
	DISK_NAMES,   /* what was written, but names and sizes of before */
	DISK__MAX
};

/* What the damage is called in a report; static. */
const char *disk_damage_name(enum disk_damage damage);

/* What was noted. */
struct disk_log;

/* Notes from now on what happens below folder, which holds folders with files in them;
 * what is in them now counts as synced. One log at a time. */
struct disk_log *disk_record(const char *folder);
/* Tags what is noted from now on with the number, for disk_tag(). */
void disk_note(unsigned tag);
/* Notes no more. */
void disk_stop(void);
void disk_log_free(struct disk_log *log);
/* How many points the log has at which the power may go. */
size_t disk_points(const struct disk_log *log);
/* The tag of a point: what disk_note() last said before it. */
unsigned disk_tag(const struct disk_log *log, size_t point);
/* What happens at a point, for a report: into text. */
void disk_describe(const struct disk_log *log, size_t point, char text[160]);

/* The disk as it is during one point of a log. */
struct disk;
/* Before the first point; the log is borrowed. */
struct disk *disk_new(const struct disk_log *log);
void disk_free(struct disk *disk);
/* Goes on to the point, which is not before the last one. */
void disk_advance(struct disk *disk, size_t point);

/* What is on the disk after the power went. */
struct disk_file {
	char name[80];        /* below the folder */
	unsigned char *bytes; /* owned */
	size_t len;
};
#define DISK_FILES_MAX 16
struct disk_image {
	struct disk_file files[DISK_FILES_MAX];
	size_t n;
};
/* Builds one at the disk's point; the same seed gives the same one. */
void disk_image(const struct disk *disk, enum disk_damage damage, uint64_t seed,
	struct disk_image *ret_image);
void disk_image_free(struct disk_image *image);
/* A number that two different images do not share. */
uint64_t disk_image_hash(const struct disk_image *image);
/* Empties the folder's folders and writes the image into them; seed: what stands in the
 * shared memory of the WALs, which no power cut keeps right. */
void disk_image_write(const struct disk_image *image, const char *folder, uint64_t seed);

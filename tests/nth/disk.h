/* A disk under SQLite that fails: the default VFS from disk_install() on. Files that are
 * opened with the VFS "unix" by name are none of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How it fails: DISK(name, what, code): which of SQLite's methods, with which result. */
enum disk_fault {
#define DISK(name, method, code) DISK_##name,
#include "disk.def"
#undef DISK
	DISK__MAX
};

/* The word for it. */
const char *disk_name(enum disk_fault fault);

/* Puts it in place, once a process. */
void disk_install(void);

/* The n-th call of the fault's method (from 1; 0 = none) fails, and where ever all later
 * ones; counts from now on. */
void disk_arm(enum disk_fault fault, uint64_t n, bool ever);

/* It is fine again. */
void disk_disarm(void);

/* How many calls of the method there were. */
uint64_t disk_seen(void);

/* How many failed, and whether all of those were calls for queue.db. */
uint64_t disk_hits(void);
bool disk_hit_queue_alone(void);

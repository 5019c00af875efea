/* The n-th statement fails. A program that is linked so (tests/CMakeLists.txt)
 * has the store's calls of SQLite come through here. A call that fails does nothing:
 * what SQLite was told to do does not happen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How SQLite fails. */
enum store_fault {
	STORE_FAULT_IO,   /* SQLITE_IOERR, any call */
	STORE_FAULT_FULL, /* SQLITE_FULL, what writes */
	STORE_FAULT_BUSY, /* SQLITE_BUSY, what takes a lock */
	STORE_FAULT__MAX
};

/* Counts the calls that could fail from now on, and lets the n-th fail, once; 0 = none.
 * Only while store_fault_inside(true). */
void store_fault_arm(enum store_fault fault, int n);
/* … or every one whose SQL text holds what, from the n-th of them on, until disarmed. */
void store_fault_arm_at(enum store_fault fault, const char *what, int n);
void store_fault_disarm(void);

/* Whether it failed. */
bool store_fault_hit(void);
/* What it said it was doing: the SQL text. Static, until the next failure. */
const char *store_fault_sql(void);

/* Calls count between inside(true) and inside(false). world.around. */
void store_fault_inside(bool inside);

/* The calls since store_fault_arm(…, 0) that came by a path of their own: how many, and
 * the number of each in *ret_calls (borrowed, until the next arming). The first call on
 * each path through the program is what a sweep is made of. */
int store_fault_paths(const int **ret_calls);
/* All of them. */
int store_fault_calls(void);

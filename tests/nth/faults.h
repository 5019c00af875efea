/*
 * Allocations and system calls that fail on demand. What is linked with the files of that
 * name has them between itself, every library that it uses, and the system: the
 * executable's symbols come first. Off until it is asked for, by faults_arm() or by the
 * environment:
 *
 *   NTH_REPORT   a file of NTH_REPORT_BYTES bytes that is mapped: struct faults_report
 *   NTH_CALLS    the calls that count and fail, names of calls.def, divided by commas
 *   NTH_N        the number of the call that fails, from 1; 0 = none
 *   NTH_EVER     1: all later ones too
 *   NTH_ERRNO    with this number; 0 = only half of it is read or written
 *   NTH_DELAY_MS instead of failing, the call is late by so much
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum faults_call {
#define CALL(name) FAULTS_##name,
#include "calls.def"
#undef CALL
	FAULTS__MAX
};

struct faults_plan {
	uint64_t calls; /* a bit each */
	uint64_t n;     /* which of them fails, from 1; 0 = none */
	bool ever;      /* and all later ones */
	int errnum;     /* 0 = a short read or write */
	long delay_ms;  /* instead of failing */
};

struct faults_report {
	_Atomic uint64_t seen; /* of the calls that count */
	_Atomic uint64_t hits; /* that failed */
	_Atomic uint64_t counts[FAULTS__MAX];
};

/* From now on; the counts of plan->n begin anew. */
void faults_arm(const struct faults_plan *plan);

/* Nothing fails and nothing is counted any more. */
void faults_disarm(void);

/* After faults_disarm(): as before it, with the counts as they were. */
void faults_go_on(void);

/* What was counted. */
const struct faults_report *faults_report(void);

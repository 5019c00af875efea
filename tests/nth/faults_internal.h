/* What the files of faults.c share. Each function in them stands for the one of the C
 * library; what it does itself it does by the system call, so that nothing below it is
 * needed. Compiled without sanitizers: it runs before they are there. */
#pragma once

#include "faults.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is defined here is declared by the C library, in part with other attributes. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* see above */

#define FAULTS_SHORT (-1) /* half of it */

/* 0: the call is made; FAULTS_SHORT: half of it; else the errno that it fails with. */
int faults_strike(enum faults_call call);

/* Fails where it is to; FAULTS_SHORT counts as nothing where there is no half. */
#define STRIKE(call, failed)                                                             \
	do {                                                                             \
		int errnum_ = faults_strike(FAULTS_##call);                              \
		if (errnum_ > 0) {                                                       \
			errno = errnum_;                                                 \
			return failed;                                                   \
		}                                                                        \
	} while (0)

#define STRIKE_HALF(call, size)                                                          \
	do {                                                                             \
		int errnum_ = faults_strike(FAULTS_##call);                              \
		if (errnum_ > 0) {                                                       \
			errno = errnum_;                                                 \
			return -1;                                                       \
		}                                                                        \
		if (errnum_ == FAULTS_SHORT && (size) > 1)                               \
			(size) /= 2;                                                     \
	} while (0)

/* A process that has secrets in its memory. */
#pragma once

/* From here on no core is written of this process and no other process of the same user
 * may attach to it or read its memory (prctl(2), PR_SET_DUMPABLE); programs that it runs
 * write no core either (RLIMIT_CORE is inherited). Cannot fail where the kernel is Linux.
 */
void harden_process(void);

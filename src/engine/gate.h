/*
 * The gate decides for all jobs at once whether one may be sent now, and if not, why and
 * until when. A plain value apart from the window it owns: pure functions of what they
 * are handed, times in monotonic milliseconds.
 */
#pragma once

#include "engine/hold.h"
#include "engine/verdict.h"
#include "engine/window.h"
#include "model/job.h"

#include <stdbool.h>
#include <stdint.h>

struct gate_config {
	int64_t requests; /* per window, resolved: never 0 */
	int64_t window_ms;
	double share;
	double urgent_share;
	int concurrency;
	int64_t initial_delay_ms; /* floor under Retry-After */
	int64_t max_delay_ms;
};

struct gate_hold {
	bool on;
	int64_t since_ms;
	int64_t probe_at_ms;    /* of the next probe; INT64_MAX: never by itself */
	int64_t probe_delay_ms; /* the wait after the next failed probe */
	int probes;             /* sent under this hold */
	int64_t ended_ms;       /* the last one; what was sent until then renews none */
};

/* Everything but the window. */
struct gate_state {
	struct gate_hold hold[HOLD__MAX];
	bool paused[JOB_ACTION__MAX];
	int64_t paused_until_ms[JOB_ACTION__MAX]; /* INT64_MAX = until resumed */
	bool probing;                             /* a probe is under way */
	int64_t retry_after_ms;                   /* nothing before this; 0 = none */
	double limit;            /* adaptive concurrency, 1 … concurrency */
	int64_t halved_ms;       /* when it was last halved */
	int successes;           /* since it last grew */
	double factor;           /* of both shares after an unexplained 429; 1 = none */
	int64_t factor_cut_ms;   /* not cut again before this */
	int64_t factor_back_ms;  /* when some of it comes back */
	int breaker_failures;    /* in a row, over different jobs */
	int64_t breaker_jobs[5]; /* which jobs those were */
	int rate_limited_in_row; /* 429s in a row, for our own backoff; a volley is one */
	int64_t rate_limited_ms; /* when the last of them came */
};

struct gate {
	struct gate_config config;
	struct gate_state state;
	struct window window;
	int64_t now_ms; /* the newest time seen */
};

enum gate_reason {
	GATE_OPEN,
	GATE_HELD,        /* ruling.hold says by what; no probe may go yet */
	GATE_PROBING,     /* held; one probe may go now, or is under way */
	GATE_PAUSED,      /* every action that has work is paused */
	GATE_RETRY_AFTER, /* Clerk asked for quiet */
	GATE_RATE,        /* the window is used up */
	GATE_CONCURRENCY  /* as many in flight as allowed */
};

struct gate_ruling {
	enum gate_reason reason;
	enum hold_kind hold; /* with GATE_HELD and GATE_PROBING; else HOLD__MAX */
	int n_urgent;        /* so many may be sent now if urgent (priority >= 10) */
	int n_normal;        /* so many of them may be others; <= n_urgent */
	bool probe;          /* GATE_PROBING: one job, chosen as a probe, … */
	enum job_action probe_first; /* … of this action where one is due */
	/* When it may open by itself, now where it is open; INT64_MAX: something else
	 * has to happen first (an answer, a command, a commit). */
	int64_t until_ms;
	int64_t normal_until_ms; /* the same for n_normal */
};

/* A gate that is open, with an empty window. */
void gate_init(struct gate *ret_gate, const struct gate_config *config);
/* Frees the window. Idempotent. */
void gate_deinit(struct gate *gate);

/* Another configuration (a reload) with the same window_ms; state and window stay. */
void gate_reconfigure(struct gate *gate, const struct gate_config *config);

/* May something be sent now? in_flight: requests under way. */
struct gate_ruling gate_ask(struct gate *gate, int64_t mono_ms, int in_flight);

/* Whether the action may be sent as far as pauses go, by the newest time the gate has
 * seen. */
bool gate_action_open(const struct gate *gate, enum job_action action);

/* n requests are about to leave, `probe` if it is one. */
void gate_sent(struct gate *gate, int64_t mono_ms, int n, bool probe);

/* What gate_answered() changed that has to be audited and said. */
struct gate_news {
	enum hold_kind held;  /* HOLD__MAX = none newly held */
	unsigned released;    /* bits: holds that ended */
	bool share_cut;       /* our own count does not explain the 429: factor is new */
	bool retry_after_set; /* state.retry_after_ms is new */
	/* The answer to a probe that keeps its hold, or nothing left while a hold lasts:
	 * it counts towards no limit and fails no job. */
	bool keeps_hold;
};

/* An attempt of job_id, sent at sent_ms, got this verdict now. was_probe: it was sent as
 * a probe. left: false where nothing left (its slot is given back, else aged from
 * received_ms). retry_after_ms: from the answer, -1 = none. random jitters our own
 * backoff. */
struct gate_news gate_answered(struct gate *gate, int64_t received_ms, int64_t sent_ms,
	int64_t job_id, bool was_probe, bool left, const struct verdict *verdict,
	int64_t retry_after_ms, uint32_t random);

/* Sets and ends a hold by hand (disk, queue, audit; credentials after a reload). Both
 * return whether that changed anything. */
bool gate_hold(struct gate *gate, enum hold_kind kind, int64_t mono_ms);
bool gate_release(struct gate *gate, enum hold_kind kind);

/* What was sent until now says nothing of this hold any more: it went with another key.
 */
void gate_disregard(struct gate *gate, enum hold_kind kind);

/* The hold that a status line names first: one that stops sending; HOLD__MAX = none. */
enum hold_kind gate_held_by(const struct gate *gate);

/* Pauses an action until a monotonic time (INT64_MAX = until resumed), and resumes it. */
void gate_pause(struct gate *gate, enum job_action action, int64_t until_ms);
void gate_resume(struct gate *gate, enum job_action action);

/* The shares in force since the last gate_ask(): requests per window for normal and for
 * urgent jobs (at least 1). */
int64_t gate_budget(const struct gate *gate, bool urgent);

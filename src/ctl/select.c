#include "ctl/select.h"

#include "base/clock.h"
#include "ctl/near.h"
#include "ctl/when.h"
#include "model/event.h"
#include "model/job.h"

#include <stdlib.h>
#include <string.h>

void select_deinit(struct select *select)
{
	free(select->jobs);
	*select = (struct select)SELECT_NULL;
}

static const char *action_word(int i)
{
	return job_action_name((enum job_action)i);
}

static const char *state_word(int i)
{
	return job_state_name((enum job_state)i);
}

static const char *result_word(int i)
{
	return job_result_name((enum job_result)i);
}

static const char *event_word(int i)
{
	return event_name((enum event)i);
}

/* The options whose argument is one of the contract's words. */
static const struct {
	enum opt opt;
	int n;
	const char *(*word)(int i);
	size_t offset; /* in struct reader_selector */
} word_options[] = {
	{OPT_ACTION, JOB_ACTION__MAX, action_word,
		offsetof(struct reader_selector, action)},
	{OPT_STATE, JOB_STATE__MAX, state_word, offsetof(struct reader_selector, state)},
	{OPT_RESULT, JOB_RESULT__MAX, result_word,
		offsetof(struct reader_selector, result)},
	{OPT_EVENT, EVENT__MAX, event_word, offsetof(struct reader_selector, event)},
};

/* The options whose argument is taken as it is. */
static const struct {
	enum opt opt;
	size_t offset;
} text_options[] = {
	{OPT_BATCH, offsetof(struct reader_selector, batch)},
	{OPT_USER, offsetof(struct reader_selector, user_id)},
	{OPT_REQUESTED_BY, offsetof(struct reader_selector, requested_by)},
	{OPT_REFERENCE, offsetof(struct reader_selector, reference)},
	{OPT_TOKEN, offsetof(struct reader_selector, token)},
};

const char *select_word(enum opt opt, int i)
{
	for (size_t option = 0; option < ARRAY_LEN(word_options); option++)
		if (word_options[option].opt == opt && i < word_options[option].n)
			return word_options[option].word(i);
	return NULL;
}

static int check_word(size_t option, const char *text)
{
	const char *name = args_options[word_options[option].opt].name;
	struct near near = {.word = text};
	AUTO(buf) struct buf words = BUF_NULL;

	for (int i = 0; i < word_options[option].n; i++) {
		const char *word = word_options[option].word(i);

		if (!*word)
			continue;
		if (!strcmp(word, text))
			return CTL_OK;
		near_try(&near, word);
		buf_printf(&words, " %s", word);
	}
	if (near.best)
		return ctl_fail(CTL_USAGE, "--%s: there is no %s; did you mean %s?", name,
			text, near.best);
	return ctl_fail(CTL_USAGE, "--%s: there is no %s; there are:%s", name, text,
		buf_str(&words));
}

static void put_text(struct reader_selector *selector, size_t offset, const char *text)
{
	*(const char **)((char *)selector + offset) = text;
}

static int read_words(const struct ctl *ctl, struct reader_selector *selector)
{
	for (size_t i = 0; i < ARRAY_LEN(word_options); i++) {
		const char *text = args_get(ctl->args, word_options[i].opt);

		if (text && check_word(i, text))
			return CTL_USAGE;
		if (text)
			put_text(selector, word_options[i].offset, text);
	}
	return CTL_OK;
}

static int read_bound(
	const struct ctl *ctl, enum opt opt, char text[CLOCK_TEXT_LEN], const char **ret)
{
	const char *given = args_get(ctl->args, opt);
	struct error err = ERROR_NULL;
	int64_t ms;

	if (!given)
		return CTL_OK;
	if (when_parse_bound(opt == OPT_SINCE ? "--since" : "--until", given,
		    clock_now().wall_ms, opt == OPT_UNTIL, &ms, &err) < 0)
		return ctl_fail(CTL_USAGE, "%s", err.text);
	clock_format(ms, text);
	*ret = text;
	return CTL_OK;
}

static int add_job(struct select *select, const char *text)
{
	int64_t id;

	if (ctl_job_id(text, &id))
		return CTL_USAGE;
	select->jobs = xrealloc(
		select->jobs, (select->selector.n_jobs + 1) * sizeof(*select->jobs));
	select->jobs[select->selector.n_jobs++] = id;
	select->selector.jobs = select->jobs;
	return CTL_OK;
}

static int read_jobs(const struct ctl *ctl, bool words_are_jobs, struct select *select)
{
	for (int i = 0; i < ctl->args->n_values; i++)
		if (ctl->args->values[i].opt == OPT_JOB &&
			add_job(select, ctl->args->values[i].text))
			return CTL_USAGE;
	for (int i = 0; words_are_jobs && i < ctl->args->n_words; i++)
		if (add_job(select, ctl->args->words[i]))
			return CTL_USAGE;
	return CTL_OK;
}

/* Whoever mixes the two up must not be told that there is nothing. */
static int check_period(const struct ctl *ctl, const struct reader_selector *selector)
{
	if (!selector->since || !selector->until ||
		strcmp(selector->since, selector->until) < 0)
		return CTL_OK;
	return ctl_fail(CTL_USAGE,
		"--since %s is not earlier than --until %s: nothing lies between them",
		args_get(ctl->args, OPT_SINCE), args_get(ctl->args, OPT_UNTIL));
}

int select_read(const struct ctl *ctl, bool words_are_jobs, struct select *ret_select)
{
	*ret_select = (struct select)SELECT_NULL;
	for (size_t i = 0; i < ARRAY_LEN(text_options); i++)
		put_text(&ret_select->selector, text_options[i].offset,
			args_get(ctl->args, text_options[i].opt));
	ret_select->selector.live = args_has(ctl->args, OPT_LIVE);
	if (read_words(ctl, &ret_select->selector) ||
		read_bound(
			ctl, OPT_SINCE, ret_select->since, &ret_select->selector.since) ||
		read_bound(
			ctl, OPT_UNTIL, ret_select->until, &ret_select->selector.until) ||
		check_period(ctl, &ret_select->selector))
		return CTL_USAGE;
	return read_jobs(ctl, words_are_jobs, ret_select);
}

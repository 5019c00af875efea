/* What is read in a snapshot stands for one moment, whatever is written meanwhile. */
#include "store/reader_report.h"
#include "test_ctl_fixture.h"

static int64_t head_of(struct reader *reader)
{
	AUTO(reader_event) struct reader_event head = {0};

	OK(reader_head(reader, &head, &err));
	return head.seq;
}

static int on_token(void *userdata, const void *row, struct error *err)
{
	(void)row;
	(void)err;
	++*(int *)userdata;
	return 0;
}

static int count_tokens(struct reader *reader, struct reader_evidence *ret_evidence)
{
	int n = 0;
	const struct reader_report_ask ask = {
		.report = READER_REPORT_TOKENS, .fn = on_token, .userdata = &n};

	OK(reader_report(reader, &ask, ret_evidence, &err));
	return n;
}

static void add_token(int64_t id)
{
	AUTO(free_ptr) char *token = xasprintf("sit_%lld", (long long)id);
	AUTO(job) struct job job = fixture_job(id, "b");
	struct ledger *ledger = scratch_ledger();

	fixture_do_create(ledger, &job, token);
	ledger_free(ledger);
}

static void one_moment(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("audit/audit.db");
	struct reader_evidence evidence, later;
	struct reader *reader;
	int64_t head;

	(void)state;
	add_token(1);
	OK(reader_open(path, &reader, &err));
	OK(reader_snapshot(reader, &err));
	head = head_of(reader);
	assert_int_equal(count_tokens(reader, &evidence), 1);
	add_token(2);
	assert_int_equal(head_of(reader), head);
	assert_int_equal(count_tokens(reader, &later), 1);
	assert_int_equal(later.head_seq, evidence.head_seq);
	reader_release(reader);
	assert_true(head_of(reader) > head);
	assert_int_equal(count_tokens(reader, &later), 2);
	assert_string_not_equal(later.head_hash, evidence.head_hash);
	/* Once more, and closed within it. */
	OK(reader_snapshot(reader, &err));
	assert_int_equal(count_tokens(reader, &later), 2);
	reader_free(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			one_moment, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

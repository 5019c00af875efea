/* What setup reads from the files of sysusers.d and tmpfiles.d. */
#include "ctl/setup.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void read_file(const char *path, struct buf *ret_text)
{
	FILE *file = fopen(path, "re");
	int c;

	assert_non_null(file);
	while ((c = fgetc(file)) != EOF)
		buf_putc(ret_text, (char)c);
	(void)fclose(file);
}

static void is_folder(const struct setup_item *item, const char *path, mode_t mode,
	const char *user, const char *group)
{
	assert_int_equal(item->kind, SETUP_FOLDER);
	assert_string_equal(item->name, path);
	assert_int_equal(item->mode, mode);
	assert_string_equal(item->user, user);
	assert_string_equal(item->group, group);
}

static void the_installed_users(void **state)
{
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(setup) struct setup setup = SETUP_NULL;
	struct error err = ERROR_NULL;

	(void)state;
	read_file(SOURCE_DIR "/systemd/clerk-tokend.sysusers", &text);
	assert_int_equal(setup_parse_sysusers(&setup, buf_str(&text), &err), 0);
	assert_int_equal(setup.n, 9);
	assert_int_equal(setup.items[0].kind, SETUP_USER);
	assert_string_equal(setup.items[0].name, "clerk-tokend");
	assert_string_equal(setup.items[0].home, "/var/lib/clerk-tokend");
	assert_string_equal(setup.items[5].about, "clerk-tokend reports");
	assert_int_equal(setup.items[1].kind, SETUP_GROUP);
	assert_string_equal(setup.items[1].name, "clerk-submit");
	assert_int_equal(setup.items[3].kind, SETUP_MEMBER);
	assert_string_equal(setup.items[3].name, "clerk-tokend");
	assert_string_equal(setup.items[3].group, "clerk-submit");
}

static void the_installed_folders(void **state)
{
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(setup) struct setup setup = SETUP_NULL;
	struct error err = ERROR_NULL;

	(void)state;
	read_file(SOURCE_DIR "/systemd/clerk-tokend.tmpfiles", &text);
	assert_int_equal(setup_parse_tmpfiles(&setup, buf_str(&text), &err), 0);
	assert_int_equal(setup.n, 6);
	is_folder(&setup.items[0], "/etc/clerk-tokend", 0755, "root", "root");
	is_folder(&setup.items[2], "/var/lib/clerk-tokend/queue", 02770, "clerk-tokend",
		"clerk-submit");
	is_folder(&setup.items[3], "/var/lib/clerk-tokend/audit", 02750, "clerk-tokend",
		"clerk-audit");
}

static void an_instance_has_its_own_folders(void **state)
{
	AUTO(buf) struct buf text = BUF_NULL;
	static const char shipped[] = "# d /var/lib/clerk-tokend\n"
				      "d /etc/clerk-tokend 0755 root root\n"
				      "z /var/lib/clerk-tokend/x 0600 root root\n"
				      "d\t/var/lib/clerk-tokend\t0755 a a\n"
				      "d /var/lib/clerk-tokend/queue  2770 a b\n"
				      "d /var/lib/clerk-tokenda 0755 a a\n"
				      "d /var/lib/other 0755 a /clerk-tokend\n"
				      "d /var/backups/clerk-tokend 0700 a a";

	(void)state;
	setup_instance_tmpfiles(shipped, "eu", &text);
	assert_string_equal(buf_str(&text), "d\t/var/lib/clerk-tokend-eu\t0755 a a\n"
					    "d /var/lib/clerk-tokend-eu/queue  2770 a b\n"
					    "d /var/backups/clerk-tokend-eu 0700 a a\n");
}

static void lines_that_do_not_hold(void **state)
{
	static const char *const folders[] = {"d", "d /x", "d /x 0755", "d /x 0755 root",
		"d x 0755 root root", "d /x 0788 root root", "d /x 77777 root root"};
	static const char *const users[] = {"u", "g", "m clerk-tokend"};
	AUTO(setup) struct setup setup = SETUP_NULL;
	struct error err = ERROR_NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		assert_int_equal(setup_parse_tmpfiles(&setup, folders[i], &err), -1);
	assert_string_equal(
		err.text, "\"d /x\": a path, a mode, a user and a group are wanted");
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		assert_int_equal(setup_parse_sysusers(&setup, users[i], &err), -1);
	assert_string_equal(err.text, "\"m clerk-tokend\" lacks a name");
	assert_int_equal(setup_parse_sysusers(&setup, "r - 500-900\n\n# x\n", &err), 0);
	assert_int_equal(setup.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_installed_users),
		cmocka_unit_test(the_installed_folders),
		cmocka_unit_test(an_instance_has_its_own_folders),
		cmocka_unit_test(lines_that_do_not_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

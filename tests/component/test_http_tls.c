/*
 * clerk/http against real TLS: an `openssl s_server` of its own for each test, with
 * certificates that the openssl program makes in a folder that goes again. Skipped (77)
 * where there is no openssl.
 */
#include "peer.h"

#include "base/buf.h"
#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/clerk-tls-XXXXXX";

/* good: 127.0.0.1; other: another name; expired: good, but of 2001. */
static const char make_certificates[] =
	"set -e; cd \"$0\"; exec >/dev/null 2>&1\n"
	"key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
	"openssl req -x509 $key -keyout good.key -out good.pem -days 2 -subj /CN=good"
	" -addext subjectAltName=IP:127.0.0.1\n"
	"openssl req -x509 $key -keyout other.key -out other.pem -days 2 -subj /CN=other"
	" -addext subjectAltName=DNS:other.example\n"
	"openssl req -new $key -keyout expired.key -out expired.csr -subj /CN=expired"
	" -addext subjectAltName=IP:127.0.0.1\n"
	"printf "
	"'[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\nnew_certs_dir=.\\nrand_serial="
	"yes\\n"
	"default_md=sha256\\npolicy=p\\ncopy_extensions=copy\\n[p]\\ncommonName="
	"supplied\\n'"
	" >ca.cnf; : >index\n"
	"openssl ca -batch -config ca.cnf -selfsign -keyfile expired.key -in expired.csr"
	" -out expired.pem -notext -startdate 20010101000000Z -enddate 20010201000000Z\n";

/* A child with pipes: what it decrypts comes out of out, what is written to in goes back.
 */
struct server {
	struct peer_loop loop;
	pid_t pid;
	int in, out;
	sd_event_source *source;
	struct buf text;
	int port;
	bool has_answered;
};

static int run_shell(const char *script)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execlp("sh", "sh", "-c", script, folder, NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status)
		       ? WEXITSTATUS(status)
		       : -1;
}

static void exec_server(int in, int out, const char *certificate, const char *flag)
{
	AUTO(free_ptr) char *cert = xasprintf("%s/%s.pem", folder, certificate);
	AUTO(free_ptr) char *key = xasprintf("%s/%s.key", folder, certificate);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(in, 0);
	(void)dup2(out, 1);
	(void)dup2(out, 2);
	execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", cert,
		"-key", key, "-cipher", "ALL:@SECLEVEL=0", flag, NULL);
	_exit(127);
}

static void answer_once(struct server *s)
{
	const char *request = strstr(buf_str(&s->text), "POST ");

	if (s->has_answered || !request || !strstr(request, "{\"a\":1}"))
		return;
	s->has_answered = true;
	assert_int_equal(write(s->in, PEER_OK, strlen(PEER_OK)), strlen(PEER_OK));
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct server *s = userdata;
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)revents;
	if (n <= 0)
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	buf_append(&s->text, bytes, (size_t)n);
	if (!s->port)
		(void)sscanf(buf_str(&s->text), "%*[^A]ACCEPT 127.0.0.1:%d\n", &s->port);
	answer_once(s);
	return 0;
}

static bool is_listening(void *userdata)
{
	return ((struct server *)userdata)->port != 0;
}

/* flag is one more option for s_server. */
static void server_init(struct server *s, const char *certificate, const char *flag)
{
	int in[2], out[2];

	*s = (struct server){0};
	peer_loop_init(&s->loop);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s->pid = fork();
	if (s->pid == 0)
		exec_server(in[0], out[1], certificate, flag);
	assert_true(s->pid > 0);
	(void)close(in[0]);
	(void)close(out[1]);
	s->in = in[1];
	s->out = out[0];
	assert_true(sd_event_add_io(s->loop.event, &s->source, s->out, EPOLLIN, on_output,
			    s) >= 0);
	peer_loop_until(&s->loop, is_listening, s);
}

static void server_deinit(struct server *s)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	(void)sd_event_source_disable_unref(s->source);
	(void)close(s->in);
	(void)close(s->out);
	buf_deinit(&s->text);
	peer_loop_deinit(&s->loop);
}

/* One exchange with a server of that certificate; ca is the certificate to trust, or
 * NULL. */
static const struct peer_reply *exchange(struct server *s, const char *ca)
{
	AUTO(free_ptr) char *url = xasprintf("https://127.0.0.1:%d/v1", s->port);
	AUTO(free_ptr) char *ca_file = ca ? xasprintf("%s/%s.pem", folder, ca) : NULL;
	struct error err = ERROR_NULL;

	if (ca)
		s->loop.options.ca_file = ca_file;
	if (http_reconfigure(s->loop.http, &s->loop.options, &err) < 0)
		fail_msg("%s", err.text);
	s->loop.options.ca_file = "";
	return peer_loop_exchange(&s->loop, url, "{\"a\":1}");
}

static void assert_refused(const char *certificate, const char *ca, const char *flag)
{
	struct server s;
	const struct peer_reply *reply;

	server_init(&s, certificate, flag);
	reply = exchange(&s, ca);
	assert_int_equal(reply->end, REPLY_NOT_SENT);
	assert_string_equal(reply->fault_code, "tls");
	assert_int_equal(reply->http_status, 0);
	assert_null(strstr(buf_str(&s.text), "POST"));
	server_deinit(&s);
}

static void test_self_signed_is_accepted_with_its_ca_file(void **state)
{
	struct server s;

	(void)state;
	server_init(&s, "good", "-no_ticket");
	assert_int_equal(exchange(&s, "good")->end, REPLY_WHOLE);
	assert_non_null(
		strstr(buf_str(&s.text), "Authorization: Bearer " PEER_KEY "\r\n"));
	server_deinit(&s);
}

static void test_tls_1_2_is_enough(void **state)
{
	struct server s;

	(void)state;
	server_init(&s, "good", "-tls1_2");
	assert_int_equal(exchange(&s, "good")->end, REPLY_WHOLE);
	server_deinit(&s);
}

/* fault: N5 */
static void test_self_signed_is_refused(void **state)
{
	(void)state;
	assert_refused("good", NULL, "-no_ticket");
}

/* fault: N5 */
static void test_another_ca_is_refused(void **state)
{
	(void)state;
	assert_refused("good", "other", "-no_ticket");
}

/* fault: N5 */
static void test_wrong_host_is_refused(void **state)
{
	(void)state;
	assert_refused("other", "other", "-no_ticket");
}

/* fault: N5 */
static void test_expired_is_refused(void **state)
{
	(void)state;
	assert_refused("expired", "expired", "-no_ticket");
}

/* fault: N6 */
static void test_tls_1_1_is_refused(void **state)
{
	(void)state;
	assert_refused("good", "good", "-tls1_1");
}

static int make_folder(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	return mkdtemp(folder) && run_shell(make_certificates) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return run_shell("rm -r \"$0\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self_signed_is_accepted_with_its_ca_file),
		cmocka_unit_test(test_tls_1_2_is_enough),
		cmocka_unit_test(test_self_signed_is_refused),
		cmocka_unit_test(test_another_ca_is_refused),
		cmocka_unit_test(test_wrong_host_is_refused),
		cmocka_unit_test(test_expired_is_refused),
		cmocka_unit_test(test_tls_1_1_is_refused),
	};

	if (run_shell("command -v openssl >/dev/null") != 0)
		return 77;
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

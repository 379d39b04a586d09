#include "base/text.h"
#include "check.h"
#include "setup/service.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The whole program on the demo shop, killed with -9 in the middle of the turn that refunds an
 * order, and started again on the same folder.  The pause point is set from here through the
 * program's own interface; there is no way to it from outside. */

static const char *stop_at; /* the point where the child holds still; NULL: nowhere */
static int held_fd;         /* where it says so */
static char data[] = "/tmp/frontdesk-kill-XXXXXX";

static void hold(void *self, const char *point)
{
	(void)self;
	if (!stop_at || strcmp(point, stop_at) != 0)
		return;
	if (write(held_fd, "h", 1) != 1)
		_exit(3);
	for (;;)
		pause();
}

struct server {
	pid_t pid;
	int port, held;
};

static bool readable(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20000) == 1;
}

static struct server start(const char *point)
{
	struct server s = { 0 };
	int out[2], held[2];
	char text[2000] = "";
	size_t n = 0;
	const char *at;

	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(held), 0);
	s.pid = fork();
	if (s.pid == 0) {
		dup2(out[1], 1);
		held_fd = held[1];
		stop_at = point;
		_exit(service_run(&(struct service_options){ .folder = "examples/shop",
		    .data = data,
		    .listen = "127.0.0.1:0",
		    .demo = true,
		    .pause = hold }));
	}
	close(out[1]);
	close(held[1]);
	s.held = held[0];
	while (!strstr(text, "/v1\n") && n < sizeof(text) - 1 && readable(out[0])) {
		ssize_t got = read(out[0], text + n, sizeof(text) - 1 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	at = strstr(text, "http://127.0.0.1:");
	assert_non_null(at);
	s.port = atoi(at + strlen("http://127.0.0.1:"));
	close(out[0]);
	return s;
}

static void end(struct server *s, int with)
{
	int status;

	kill(s->pid, with);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	if (with == SIGTERM)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(s->held);
}

/* What curl prints; a bound on its time is among the arguments. */
static json_t *curl(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static json_t *curl(const char *fmt, ...)
{
	char command[1200] = "curl -s -m 20 ", text[6000];
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(command + strlen(command), sizeof(command) - strlen(command), fmt, ap);
	va_end(ap);
	f = popen(command, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	pclose(f);
	return json_loads(text, 0, NULL);
}

#define SAY                                                                                        \
	"-H 'Authorization: Bearer %s' -H 'Idempotency-Key: headline' "                            \
	"http://127.0.0.1:%d/v1/conversations/%s/messages "                                        \
	"-d '{\"content\":\"Can you refund my purchase and cancel my account?\"}'"

static int refunds(void)
{
	char command[200];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command),
	    "sqlite3 %s/shop.db \"SELECT count(*) FROM refunds WHERE customer_id = 'demo-1'\"",
	    data);
	f = popen(command, "r");
	assert_non_null(f);
	if (fscanf(f, "%d", &n) != 1)
		n = -1;
	pclose(f);
	return n;
}

static void clean(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", data);
	if (system(command) != 0)
		fail_msg("%s is still there", data);
}

/* Kill the server when the turn stands at this point; then let another take over. */
static void kill_at(const char *point, int made_by_then)
{
	struct server s;
	const char *id, *token;
	json_t *made, *said, *items;
	int before;
	char byte;

	strcpy(data, "/tmp/frontdesk-kill-XXXXXX");
	assert_non_null(mkdtemp(data));
	s = start(point);
	before = refunds();
	made = curl(
	    "http://127.0.0.1:%d/v1/conversations -d '{\"customer\":{\"id\":\"demo-1\"}}'", s.port);
	id = json_string_value(json_object_get(made, "id"));
	token = json_string_value(json_object_get(made, "token"));
	assert_non_null(token);
	said = curl("-H 'Prefer: respond-async' " SAY, token, s.port, id);
	assert_non_null(json_object_get(said, "message"));
	json_decref(said);
	assert_true(readable(s.held) && read(s.held, &byte, 1) == 1);
	end(&s, SIGKILL);
	assert_int_equal(refunds(), before + made_by_then);

	/* The client asks again with its key, and gets the answer of the turn that went on. */
	s = start(NULL);
	said = curl(SAY, token, s.port, id);
	assert_non_null(
	    strstr(json_string_value(json_object_get(json_object_get(said, "reply"), "content")),
		"refunded"));
	json_decref(said);
	assert_int_equal(refunds(), before + 1);
	said =
	    curl("-H 'Authorization: Bearer %s' http://127.0.0.1:%d/v1/conversations/%s/messages",
		token, s.port, id);
	items = json_object_get(said, "items");
	assert_int_equal(json_array_size(items), 2);
	assert_non_null(strstr(
	    json_string_value(json_object_get(json_array_get(items, 1), "content")), "refunded"));
	json_decref(said);
	json_decref(made);
	end(&s, SIGTERM);
	clean();
}

static void killed_before_the_refund_it_is_made_once(void **state)
{
	(void)state;
	kill_at("write-begins", 0);
}

static void killed_after_the_refund_it_is_not_made_again(void **state)
{
	(void)state;
	kill_at("write-done", 1);
}

static void a_second_server_on_the_folder_is_refused(void **state)
{
	struct server s;
	char command[300];

	(void)state;
	strcpy(data, "/tmp/frontdesk-kill-XXXXXX");
	assert_non_null(mkdtemp(data));
	s = start(NULL);
	snprintf(command, sizeof(command),
	    "build/frontdesk serve --listen 127.0.0.1:0 --data %s examples/shop 2>&1 | grep -q "
	    "'another frontdesk (process %d)'",
	    data, (int)s.pid);
	assert_int_equal(access("build/frontdesk", X_OK) == 0 ? system(command) : 0, 0);
	end(&s, SIGTERM);
	clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_before_the_refund_it_is_made_once),
		cmocka_unit_test(killed_after_the_refund_it_is_not_made_again),
		cmocka_unit_test(a_second_server_on_the_folder_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

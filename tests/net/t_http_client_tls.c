#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "net/http_client.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* TLS and HTTP/2, against nginx with a certificate made for the test; without nginx or openssl the
 * tests are skipped. */

#define CROWD 50

struct place {
	char dir[64];
	int port, plain;
	pid_t pid;
};

static struct place nginx;

static int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		bug("no free port");
	close(fd);
	return ntohs(a.sin_port);
}

/* $connection is a number a connection, so answers tell how many there were. */
static void write_configuration(const struct place *p)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/nginx.conf", p->dir);
	f = fopen(path, "w");
	if (!f)
		bug("%s cannot be written", path);
	fprintf(f,
	    "daemon off; master_process off; pid %s/pid; error_log stderr crit;\n"
	    "events { worker_connections 512; }\n"
	    "http {\n"
	    "access_log off; client_body_temp_path %s; proxy_temp_path %s;\n"
	    "fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;\n"
	    "http2_max_concurrent_streams 100; client_max_body_size 8m;\n"
	    "server { listen 127.0.0.1:%d ssl http2; listen 127.0.0.1:%d;\n"
	    "ssl_certificate %s/c.pem; ssl_certificate_key %s/k.pem;\n"
	    "location / { return 200 '$connection $server_protocol $content_length'; }\n"
	    "location /big { root %s; }\n"
	    "location /echo { proxy_pass http://127.0.0.1:%d/; } } }\n",
	    p->dir, p->dir, p->dir, p->dir, p->dir, p->dir, p->port, p->plain, p->dir, p->dir,
	    p->dir, p->plain);
	fclose(f);
	snprintf(path, sizeof(path), "%s/big", p->dir);
	f = fopen(path, "w");
	for (int i = 0; f && i < 100000; i++)
		fprintf(f, "%09d\n", i);
	if (f)
		fclose(f);
}

/* The command sees the place as $D. */
static bool run(const char *command)
{
	setenv("D", nginx.dir, 1);
	return system(command) == 0;
}

static bool answers(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool up = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	close(fd);
	return up;
}

static _Noreturn void become_nginx(const struct place *p)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/nginx.conf", p->dir);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp("nginx", "nginx", "-p", p->dir, "-c", path, (char *)NULL);
	_exit(127);
}

static int start(void **state)
{
	const char *make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
			   "-nodes -days 2 -subj /CN=localhost "
			   "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
			   "-keyout $D/k.pem -out $D/c.pem 2>/dev/null";

	(void)state;
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (!run("command -v nginx >/dev/null && command -v openssl >/dev/null")) {
		printf("skipped: net/t_http_client_tls: nginx or openssl is absent "
		       "(apt-get install nginx-light openssl)\n");
		return 0;
	}
	snprintf(nginx.dir, sizeof(nginx.dir), "/tmp/frontdesk-tls-XXXXXX");
	if (!mkdtemp(nginx.dir) || !run(make))
		return -1;
	nginx.port = free_port();
	nginx.plain = free_port();
	write_configuration(&nginx);
	nginx.pid = fork();
	if (nginx.pid == 0)
		become_nginx(&nginx);
	while (!answers(nginx.port))
		if (waitpid(nginx.pid, NULL, WNOHANG) != 0)
			return -1;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (!nginx.pid)
		return 0;
	kill(nginx.pid, SIGKILL);
	waitpid(nginx.pid, NULL, 0);
	return run("rm -r $D") ? 0 : -1;
}

struct exchange {
	struct http_client *client;
	struct http_request request;
	char url[100];
	int n, connection, version;
	enum http_sent sent;
	struct buf body;
	struct err e;
};

static void ask(void *arg)
{
	struct exchange *a = arg;
	struct http_open *x;
	const char *bytes;

	a->n = -2;
	x = http_open(a->client, &a->request, &a->sent, &a->e);
	while (x && (a->n = http_read(x, &bytes, &a->e)) > 0)
		buf_add(&a->body, bytes, (size_t)a->n);
	http_close(x);
	sscanf(buf_str(&a->body), "%d HTTP/%d", &a->connection, &a->version);
}

static void point(struct exchange *a, struct http_client *c, const char *host, const char *path)
{
	a->client = c;
	if (!a->request.method)
		a->request.method = "GET";
	snprintf(a->url, sizeof(a->url), "https://%s:%d%s", host, nginx.port, path);
	a->request.url = a->url;
}

static struct http_client *trusting(struct world *w, bool trust)
{
	char path[100];
	struct err e;

	snprintf(path, sizeof(path), "%s/c.pem", nginx.dir);
	if (trust)
		setenv("CURL_CA_BUNDLE", path, 1);
	else
		unsetenv("CURL_CA_BUNDLE");
	return http_client_new(w, 0, &e);
}

static void few_connections_serve_many(struct world *w)
{
	struct exchange *crowd = mem_alloc(CROWD * sizeof(*crowd));
	struct http_client *c = trusting(w, true);
	bool seen[4096] = { false };
	int connections = 0;
	struct scope s;

	scope_open(&s, fiber_now() + 20000);
	for (int i = 0; i < CROWD; i++) {
		/* Without a body: what nginx's `return` answers before it has read one it resets
		 * afterwards, and the library may see the reset before the answer. */
		crowd[i].request = (struct http_request){ .connect_ms = 20000 };
		point(&crowd[i], c, i % 2 ? "localhost" : "127.0.0.1", "/x");
		scope_go(&s, ask, &crowd[i]);
	}
	scope_join(&s);
	for (int i = 0; i < CROWD; i++) {
		if (!CHECK_INT(crowd[i].n, 0))
			fprintf(stderr, "%s\n", crowd[i].e.msg);
		CHECK_INT(crowd[i].version, 2);
		connections += !seen[crowd[i].connection & 4095];
		seen[crowd[i].connection & 4095] = true;
		buf_done(&crowd[i].body);
	}
	CHECK(connections >= 2 && connections <= 8);
	http_client_free(c);
	free(crowd);
}

static void large_bodies_come_through(struct world *w)
{
	struct exchange a = { 0 };
	struct http_client *c = trusting(w, true);
	struct http_piece body = { .bytes = mem_alloc(500000), .n = 500000 };

	point(&a, c, "localhost", "/big");
	ask(&a);
	CHECK_INT(a.n, 0);
	CHECK_INT(a.body.len, 1000000);
	CHECK(a.body.len == 1000000 && !memcmp(a.body.data + 999990, "000099999\n", 10));
	buf_clear(&a.body);
	a.request = (struct http_request){ .method = "POST", .body = &body, .npieces = 1 };
	point(&a, c, "localhost", "/echo");
	ask(&a);
	CHECK_INT(a.n, 0);
	CHECK_HAS(buf_str(&a.body), " HTTP/1.0 500000"); /* what nginx asked of itself */
	buf_done(&a.body);
	http_client_free(c);
	free((char *)body.bytes);
}

static size_t read_all(struct http_open *x)
{
	const char *bytes;
	size_t all = 0;
	struct err e;
	int n;

	while ((n = http_read(x, &bytes, &e)) > 0)
		all += (size_t)n;
	if (!CHECK_INT(n, 0))
		fprintf(stderr, "%s\n", e.msg);
	return all;
}

/* Streams of one connection: one is not read, one is given up, one is read. */
static void streams_do_not_disturb_one_another(struct world *w)
{
	struct exchange big = { 0 }, small = { 0 };
	struct http_client *c = trusting(w, true);
	struct http_open *waits, *goes;

	point(&big, c, "localhost", "/big");
	waits = http_open(c, &big.request, &big.sent, &big.e);
	goes = http_open(c, &big.request, &big.sent, &big.e);
	CHECK(waits && goes);
	point(&small, c, "localhost", "/x");
	ask(&small);
	CHECK_INT(small.n, 0);
	CHECK_INT(small.version, 2);
	http_close(goes);
	CHECK_INT(read_all(waits), 1000000);
	http_close(waits);
	buf_done(&small.body);
	http_client_free(c);
}

static void who_is_not_trusted_is_told_nothing(struct world *w)
{
	struct exchange a = { 0 };
	struct http_client *c = trusting(w, false);

	point(&a, c, "localhost", "/?secret");
	ask(&a);
	CHECK_INT(a.n, -2);
	CHECK_INT(a.e.code, ERR_IO);
	CHECK_HAS(a.e.msg, "localhost:");
	CHECK_HAS(a.e.msg, "no trusted connection: ");
	CHECK_HAS(a.e.msg, "certificate");
	CHECK(!strstr(a.e.msg, "secret"));
	CHECK_INT(a.sent, HTTP_NOT_SENT);
	snprintf(a.url, sizeof(a.url), "https://localhost:%d/?secret", nginx.plain);
	ask(&a);
	CHECK_INT(a.e.code, ERR_IO);
	CHECK_HAS(a.e.msg, "no trusted connection: ");
	CHECK_INT(a.sent, HTTP_NOT_SENT);
	http_client_free(c);
	c = trusting(w, true);
	point(&a, c, "127.0.0.2", "/?secret"); /* not in the certificate, nor listening */
	ask(&a);
	CHECK_INT(a.sent, HTTP_NOT_SENT);
	http_client_free(c);
}

static void in_world(void **state)
{
	if (!nginx.pid) {
		skip();
		return;
	}
	check_real_test(state);
}

#define TLS_TEST(name_)                                                                            \
	{                                                                                          \
		.name = #name_, .test_func = in_world, .initial_state = &(struct check_body)       \
		{                                                                                  \
			name_                                                                      \
		}                                                                                  \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(few_connections_serve_many),
		TLS_TEST(large_bodies_come_through),
		TLS_TEST(streams_do_not_disturb_one_another),
		TLS_TEST(who_is_not_trusted_is_told_nothing),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

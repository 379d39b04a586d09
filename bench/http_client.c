#include "net/http_client.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What an exchange costs: POST 2.3 KB, an answer of 2.3 KB, on kept connections.  The server is a
 * process of its own, so the CPU time is the client's alone; beside it what the library alone takes
 * in a bare loop.  Then what a request takes in memory while its answer is waited for. */

#define BODY   2300
#define ROUNDS 60000
#define CROWD  2000

static char answer_text[4096], body_text[BODY];
static int port;

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* A request is BODY bytes and a head; /wait is heard and not answered. */
static void serve_one(int fd, int *got)
{
	char part[4096];
	ssize_t n = recv(fd, part, sizeof(part), 0);

	if (n <= 0) {
		close(fd);
		*got = 0;
		return;
	}
	*got += (int)n;
	if (*got <= BODY)
		return;
	*got = 0;
	if (!memmem(part, (size_t)n, " /wait", 6))
		(void)!send(fd, answer_text, strlen(answer_text), MSG_NOSIGNAL);
}

static _Noreturn void serve(int listener)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = listener }, all[64];
	int set = epoll_create1(0), *got = mem_alloc(70000 * sizeof(*got));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	epoll_ctl(set, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(set, all, 64, -1);

		for (int i = 0; i < n; i++) {
			if (all[i].data.fd != listener) {
				serve_one(all[i].data.fd, &got[all[i].data.fd]);
				continue;
			}
			e.data.fd = accept(listener, NULL, NULL);
			epoll_ctl(set, EPOLL_CTL_ADD, e.data.fd, &e);
		}
	}
}

static pid_t start_server(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)&a, &size))
		bug("the bench's server does not listen");
	port = ntohs(a.sin_port);
	pid = fork();
	if (pid == 0)
		serve(fd);
	close(fd);
	return pid;
}

struct asking {
	struct http_client *client;
	struct http_request request;
	int times, *left, failed;
};

static void ask(struct asking *a)
{
	enum http_sent sent;
	struct err e;
	struct http_open *x = http_open(a->client, &a->request, &sent, &e);
	const char *bytes;
	int n = -1, all = 0;

	while (x && (n = http_read(x, &bytes, &e)) > 0)
		all += n;
	http_close(x);
	a->failed += n != 0 || all != BODY;
}

static void ask_often(void *arg)
{
	struct asking *a = arg;

	while (*a->left > 0) {
		--*a->left;
		ask(a);
	}
}

static void ask_together(struct asking *a, int at_once, int times)
{
	struct scope s;

	a->left = &times;
	scope_open(&s, FOREVER);
	for (int i = 0; i < at_once; i++)
		scope_go(&s, ask_often, a);
	scope_join(&s);
}

static void measure(struct asking *a, int at_once)
{
	double t;

	ask_together(a, at_once, 4 * at_once);
	t = cpu_us();
	ask_together(a, at_once, ROUNDS);
	printf("an exchange, %4d at once                  %8.1f us%s\n", at_once,
	    (cpu_us() - t) / ROUNDS, a->failed ? "  (some failed)" : "");
}

static void wait_for_ever(void *arg)
{
	struct asking *a = arg;
	enum http_sent sent;
	struct err e;

	http_close(http_open(a->client, &a->request, &sent, &e));
}

static void measure_memory(struct asking *a)
{
	struct asking b = *a;
	struct mallinfo2 before, after;
	struct scope s;
	char url[100];
	struct err e;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/wait", port);
	b.request.url = url;
	b.request.first_byte_ms = 600000;
	malloc_trim(0);
	before = mallinfo2();
	scope_open(&s, FOREVER);
	for (int i = 0; i < CROWD; i++)
		scope_go(&s, wait_for_ever, &b);
	(void)fiber_sleep(1500, &e);
	after = mallinfo2();
	printf("a request that waits, %d of them         %8.1f KiB (and the fiber's stack)\n",
	    CROWD, (double)(after.uordblks - before.uordblks) / 1024 / CROWD);
	scope_cancel(&s);
	scope_join(&s);
}

static size_t swallow(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

/* The library in the loop of its own documentation, so many transfers at a time. */
static void measure_bare(const char *url, int at_once)
{
	struct curl_slist *fields = curl_slist_append(
	    curl_slist_append(NULL, "Content-Type: application/json"), "X-Api-Key: 1");
	CURLM *m = curl_multi_init();
	int left = ROUNDS, running = 0, unused, done = 0;
	double t = cpu_us();
	CURLMsg *msg;

	for (int i = 0; i < at_once; i++) {
		CURL *c = curl_easy_init();

		curl_easy_setopt(c, CURLOPT_URL, url);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body_text);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)BODY);
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
		curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
		curl_multi_add_handle(m, c);
	}
	do {
		curl_multi_perform(m, &running);
		while ((msg = curl_multi_info_read(m, &unused))) {
			CURL *c = msg->easy_handle;

			done++;
			curl_multi_remove_handle(m, c);
			if (--left >= at_once)
				curl_multi_add_handle(m, c);
			else
				curl_easy_cleanup(c);
			running = 1;
		}
		if (running)
			curl_multi_poll(m, NULL, 0, 0, NULL);
	} while (running);
	printf(
	    "the library alone, %4d at once            %8.1f us\n", at_once, (cpu_us() - t) / done);
	curl_multi_cleanup(m);
	curl_slist_free_all(fields);
}

static void run(void *arg)
{
	const struct http_field fields[] = { { "Content-Type", "application/json" },
		{ "X-Api-Key", "1" } };
	const struct http_piece body = { body_text, BODY };
	struct asking a = { .request = { .method = "POST",
				.fields = fields,
				.nfields = 2,
				.body = &body,
				.npieces = 1 } };
	static const int crowds[] = { 1, 64, 512, 2000 };
	char url[100];
	struct err e;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	a.request.url = url;
	a.client = http_client_new(arg, 0, &e);
	for (size_t i = 0; i < array_len(crowds); i++)
		measure(&a, crowds[i]);
	measure_memory(&a);
	http_client_free(a.client);
	measure_bare(url, 1);
	measure_bare(url, 64);
}

int main(void)
{
	pid_t server;
	struct world *w;
	struct err e;

	snprintf(answer_text, sizeof(answer_text),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: 1\r\n"
	    "Content-Length: %d\r\n\r\n%0*d",
	    BODY, BODY, 0);
	memset(body_text, 'b', sizeof(body_text));
	server = start_server();
	w = world_real(&e);
	world_run(w, run, w);
	world_free(w);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return 0;
}

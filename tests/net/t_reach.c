#include "net/reach.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/check.h"
#include "tests/net/http_bench.h"
#include "tests/net/raw_server.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The address guard: how URLs are read, which address is which, and, with names that this file
 * answers for (getaddrinfo() below), that nothing is connected to that may not be. */

static void good(const char *url, const char *host, int port, bool literal)
{
	struct http_target t;
	struct err e;

	if (!CHECK_OK(http_target_read(&t, url, &e), &e))
		return;
	CHECK_STR(t.host, host);
	CHECK_INT(t.port, port);
	CHECK_INT(t.literal, literal);
}

static void urls_are_read(void **state)
{
	(void)state;
	good("http://shop.example", "shop.example", 80, false);
	good("HTTPS://Shop.EXAMPLE/?q", "shop.example", 443, false);
	good("https://shop.example:8443/x@y:z", "shop.example", 8443, false);
	good("http://shop.example?x=http://other@example/", "shop.example", 80, false);
	good("http://xn--mller-kva.example/", "xn--mller-kva.example", 80, false);
	good("http://a_b-c.d/", "a_b-c.d", 80, false);
	good("http://localhost:1/", "localhost", 1, false);
	good("http://1.example/", "1.example", 80, false);
	good("http://127.0.0.1:65535", "127.0.0.1", 65535, true);
	good("http://[::1]:8080/", "::1", 8080, true);
	good("http://[FE80::1]", "fe80::1", 80, true);
	good("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 80, true);
}

static void odd_urls_are_refused(void **state)
{
	static const char *const odd[] = {
		"", "x", "//shop.example/", "http:shop.example", "http:/shop.example",
		"http:///shop.example", "http://", "http:// shop.example/", "ftp://shop.example/",
		"file:///etc/passwd", "javascript://x/", "httpx://a/", " http://shop.example/",
		"http://shop.example/ ", "http://shop.example/\t", "http://shop.example/\r\nX: y",
		"http://shop.example\\@evil.example/", "http://shop.example/a\\b",
		"http://u@shop.example/", "http://u:p@shop.example/", "http://@shop.example/",
		"http://shop.example:80@evil.example/", "http://shop.example#@evil.example/",
		"http://shop.example/#x", "http://shop.example./", "http://.shop.example/",
		"http://shop..example/", "http://shop%2eexample/", "http://%31%32%37.0.0.1/",
		"http://m\xc3\xbcller.example/",
		"http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/", "http://127.1/",
		"http://127.0.1/", "http://0x7f.1/", "http://0x7f.0.0.1/", "http://0x7f000001/",
		"http://2130706433/", "http://017700000001/", "http://0177.0.0.1/",
		"http://127.0.0.01/", "http://127.0.0.256/", "http://127.0.0.1./", "http://0/",
		"http://1.2.3.4.5/", "http://shop.0x7/", "http://shop.0x/", "http://[::1/",
		"http://::1/", "http://[::1]x/", "http://[::1%25lo]/", "http://[fe80::1%eth0]/",
		"http://[127.0.0.1]/", "http://[]/", "http://[v1.a]/", "http://shop.example:/",
		"http://shop.example:0/", "http://shop.example:00080/",
		"http://shop.example:65536/", "http://shop.example:99999999999/",
		"http://shop.example:8o/", "http://shop.example:-1/", "http://shop.example:80:80/",
		"http://sh*op.example/", "http://shop,example/", "http://shop.example&x/",
		"http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/"
	};
	struct http_target t;

	(void)state;
	for (size_t i = 0; i < array_len(odd); i++) {
		struct err e = { 0 };

		if (!CHECK_INT(http_target_read(&t, odd[i], &e), -1))
			fprintf(stderr, "%s was taken\n", odd[i]);
		CHECK_INT(e.code, ERR_INVALID);
		CHECK_HAS(e.msg, "the URL cannot be used: ");
	}
}

/* What the guard reads in a URL the library reads too, or neither takes it. */
static void same_as_the_library(const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL, plain[300] = "";
	struct http_target t;
	struct err e;
	size_t n;

	if (http_target_read(&t, url, &e) == 0) {
		if (!CHECK_INT(curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS), 0))
			fprintf(stderr, "only we take %s\n", url);
		curl_url_get(u, CURLUPART_HOST, &host, 0);
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
		n = host ? strlen(host) : 0;
		snprintf(plain, sizeof(plain), "%.*s", (int)(n > 1 && *host == '[' ? n - 2 : n),
		    host && *host == '[' ? host + 1
		    : host               ? host
					 : "");
		for (char *p = plain; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
		if (!t.literal)
			CHECK_STR(plain, t.host);
		CHECK_INT(port ? atoi(port) : 0, t.port);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
}

/* The URL standard's own cases: where it fails we do; where we take one, its host is ours. */
static void the_hostile_urls_of_the_standard(void **state)
{
	const char *path = "../shared/data/hostile/url/urltestdata.json";
	json_t *all = json_load_file(path, JSON_ALLOW_NUL, NULL);
	int taken = 0;
	size_t i;
	json_t *c;

	(void)state;
	if (!all) {
		print_message("%s is not there: skipped\n", path);
		skip();
		return;
	}
	json_array_foreach (all, i, c) {
		const char *input = json_string_value(json_object_get(c, "input"));
		const char *host = json_string_value(json_object_get(c, "hostname"));
		struct http_target t;
		struct err e;

		if (!input || strlen(input) != json_string_length(json_object_get(c, "input")))
			continue;
		same_as_the_library(input);
		if (http_target_read(&t, input, &e) < 0)
			continue;
		taken++;
		if (!CHECK(!json_is_true(json_object_get(c, "failure"))))
			fprintf(stderr, "%s was taken\n", input);
		if (host && *host != '[')
			CHECK_STR(t.host, host);
	}
	CHECK(taken > 50);
	json_decref(all);
}

static const struct {
	const char *address,
	    *kinds; /* which permits let it pass: p wildcard, n name, l localhost */
} addresses[] = {
	{ "8.8.8.8", "pn" },
	{ "172.15.255.255", "pn" },
	{ "172.32.0.1", "pn" },
	{ "100.63.0.1", "pn" },
	{ "100.128.0.1", "pn" },
	{ "192.167.1.1", "pn" },
	{ "223.255.255.255", "pn" },
	{ "2606:4700::1111", "pn" },
	{ "2400::1", "pn" },
	{ "10.0.0.1", "n" },
	{ "10.255.255.255", "n" },
	{ "172.16.0.1", "n" },
	{ "172.31.255.255", "n" },
	{ "192.168.0.1", "n" },
	{ "100.64.0.1", "n" },
	{ "100.127.255.255", "n" },
	{ "fc00::1", "n" },
	{ "fdff::1", "n" },
	{ "127.0.0.1", "l" },
	{ "127.255.255.254", "l" },
	{ "::1", "l" },
	{ "0.0.0.0", "" },
	{ "0.1.2.3", "" },
	{ "169.254.169.254", "" },
	{ "192.0.0.1", "" },
	{ "192.0.2.1", "" },
	{ "192.88.99.1", "" },
	{ "198.18.0.1", "" },
	{ "198.19.255.255", "" },
	{ "198.51.100.7", "" },
	{ "203.0.113.7", "" },
	{ "224.0.0.1", "" },
	{ "240.0.0.1", "" },
	{ "255.255.255.255", "" },
	{ "::", "" },
	{ "fe80::1", "" },
	{ "fec0::1", "" },
	{ "ff02::1", "" },
	{ "2001:db8::1", "" },
	{ "2001:0:a00:1::1", "" }, /* Teredo */
	{ "100::1", "" },
	{ "64:ff9b:1::1", "" },
	{ "::127.0.0.1", "" },
	/* IPv4 in IPv6's clothes. */
	{ "::ffff:8.8.8.8", "pn" },
	{ "::ffff:10.0.0.1", "n" },
	{ "::ffff:127.0.0.1", "l" },
	{ "::ffff:169.254.169.254", "" },
	{ "64:ff9b::8.8.8.8", "pn" },
	{ "64:ff9b::7f00:1", "l" },
	{ "64:ff9b::a9fe:a9fe", "" },
	{ "2002:808:808::1", "pn" },
	{ "2002:7f00:1::1", "l" },
	{ "2002:a9fe:a9fe::", "" },
	{ "::ffff:0:a00:1", "n" },
};

static int check_text(const struct permit *p, const char *text, struct err *e)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return reach_check(p, (struct sockaddr *)&v4, e);
	CHECK_INT(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return reach_check(p, (struct sockaddr *)&v6, e);
}

static void each_address_is_what_it_is(void **state)
{
	static const struct {
		enum permit_kind kind;
		char letter;
	} kinds[] = { { PERMIT_PUBLIC, 'p' }, { PERMIT_PRIVATE, 'n' }, { PERMIT_LOOPBACK, 'l' } };

	(void)state;
	for (size_t i = 0; i < array_len(addresses); i++)
		for (size_t k = 0; k < array_len(kinds); k++) {
			const struct permit p = { .kind = kinds[k].kind };
			int want = strchr(addresses[i].kinds, kinds[k].letter) ? 0 : -1;
			struct err e = { 0 };

			if (!CHECK_INT(check_text(&p, addresses[i].address, &e), want))
				fprintf(stderr, "%s %c\n", addresses[i].address, kinds[k].letter);
			CHECK_INT(e.code, want ? ERR_DENIED : ERR_NONE);
			if (want)
				CHECK_HAS(e.msg, "its address ");
		}
	CHECK_INT(check_text(&(struct permit){ .kind = PERMIT_ANY }, "169.254.169.254", NULL), 0);
}

/* -1: refused before anything is looked up; else the kind of permit. */
static int permit_of(const char *const *hosts, int n, const char *url)
{
	const struct http_reach reach = { hosts, n };
	struct http_target t;
	struct permit p;
	struct err e;

	if (!CHECK_OK(http_target_read(&t, url, &e), &e))
		return -2;
	if (reach_permit(&reach, &t, &p, &e) == 0)
		return (int)p.kind;
	CHECK_INT(e.code, ERR_DENIED);
	return -1;
}

static void the_list_says_which_hosts(void **state)
{
	static const char *const hosts[] = { "pay.example", "Ship.Example:8443", "*.wild.example",
		"*.odd.example:81", "localhost:3000", "127.0.0.2", "[::1]:9", "169.254.1.1:80",
		"deep.wild.example", "https://scheme.example", "u@user.example", "*", "*.", "",
		"path.example/x", "*wild2.example", "wild3.*.example", "10.0.0.*" };
	static const struct {
		const char *url;
		int kind;
	} cases[] = {
		{ "http://pay.example/", PERMIT_PRIVATE },
		{ "https://PAY.example/x", PERMIT_PRIVATE },
		{ "http://pay.example:8080/", -1 },
		{ "http://play.example/", -1 },
		{ "http://x.pay.example/", -1 },
		{ "http://pay.example.evil.example/", -1 },
		{ "https://ship.example:8443/", PERMIT_PRIVATE },
		{ "https://ship.example/", -1 },
		{ "https://a.wild.example/", PERMIT_PUBLIC },
		{ "https://a.b.wild.example/", PERMIT_PUBLIC },
		{ "https://deep.wild.example/", PERMIT_PRIVATE },
		{ "https://wild.example/", -1 },
		{ "https://notwild.example/", -1 },
		{ "http://x.odd.example:81/", PERMIT_PUBLIC },
		{ "http://x.odd.example/", -1 },
		{ "http://localhost:3000/", PERMIT_LOOPBACK },
		{ "http://LOCALHOST:3000/", PERMIT_LOOPBACK },
		{ "http://localhost/", -1 },
		{ "http://x.localhost:3000/", -1 },
		{ "http://127.0.0.2/", PERMIT_EXACT },
		{ "http://127.0.0.1/", -1 },
		{ "http://[::ffff:127.0.0.2]/", PERMIT_EXACT },
		{ "http://[::1]:9/", PERMIT_EXACT },
		{ "http://[0:0::1]:9/", PERMIT_EXACT },
		{ "http://[::1]/", -1 },
		{ "http://169.254.1.1/", PERMIT_EXACT },
		{ "http://scheme.example/", -1 },
		{ "http://user.example/", -1 },
		{ "http://path.example/", -1 },
		{ "http://x.wild2.example/", -1 },
		{ "http://wild3.x.example/", -1 },
		{ "http://10.0.0.5/", -1 },
		{ "http://8.8.8.8/", -1 },
	};
	struct http_target t;
	struct permit p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++)
		if (!CHECK_INT(permit_of(hosts, array_len(hosts), cases[i].url), cases[i].kind))
			fprintf(stderr, "%s\n", cases[i].url);
	CHECK_INT(permit_of(NULL, 0, "http://pay.example/"), -1);
	CHECK_OK(http_target_read(&t, "http://169.254.169.254/", &e), &e);
	CHECK_OK(reach_permit(NULL, &t, &p, &e), &e);
	CHECK_INT(p.kind, PERMIT_ANY);
}

/* Names under .test, answered for here; all others are looked up as ever. */
static struct {
	const char *name, *addresses[3];
} names[8];
static pthread_mutex_t blocked = PTHREAD_MUTEX_INITIALIZER;

static struct addrinfo *one(const char *text, const char *service)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
	    (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))(
		intptr_t)dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo *a = NULL;

	(void)!real(text, service, &hints, &a);
	return a;
}

int getaddrinfo(
    const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
	    (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))(
		intptr_t)dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo **end = out;

	if (!name || !strstr(name, ".test"))
		return real(name, service, hints, out);
	if (!strcmp(name, "blocked.test")) {
		pthread_mutex_lock(&blocked);
		pthread_mutex_unlock(&blocked);
		return EAI_NONAME;
	}
	for (size_t i = 0; i < array_len(names) && names[i].name; i++)
		for (int k = 0; k < 3 && !strcmp(names[i].name, name) && names[i].addresses[k];
		     k++) {
			*end = one(names[i].addresses[k], service);
			end = &(*end)->ai_next;
		}
	return end == out ? EAI_NONAME : 0;
}

struct asking {
	struct http_client *client;
	struct http_reach reach;
	int port;
	enum http_sent sent;
	struct err e;
	char url[100];
};

/* 0: answered; -1: not. */
static int visit(struct asking *a, const char *host, bool guarded)
{
	struct http_request r = {
		.method = "GET", .url = a->url, .reach = guarded ? &a->reach : NULL
	};
	struct http_open *x;

	snprintf(a->url, sizeof(a->url), "http://%s:%d/", host, a->port);
	x = http_open(a->client, &r, &a->sent, &a->e);
	http_close(x);
	return x ? 0 : -1;
}

static const struct raw_answer ok = { .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };

static void denied(struct asking *a, const char *host, const char *words)
{
	if (!CHECK_ERR(visit(a, host, true), &a->e, ERR_DENIED))
		fprintf(stderr, "%s\n", host);
	CHECK_HAS(a->e.msg, words);
	CHECK_HAS(a->e.msg, host);
	CHECK_INT(a->sent, HTTP_NOT_SENT);
}

static void begin(struct asking *a, struct world *w, struct raw *r, const char **hosts, int n)
{
	static char entries[8][64];

	*a = (struct asking){ .client = http_client_new(w, 0, &a->e), .port = raw_port(r) };
	for (int i = 0; i < n; i++) {
		snprintf(entries[i], sizeof(entries[i]), "%s:%d", hosts[i], a->port);
		hosts[i] = entries[i];
	}
	a->reach = (struct http_reach){ hosts, n };
}

static void what_counts_is_the_address(struct world *w)
{
	const char *hosts[] = { "name.test", "*.wild.test", "localhost", "link.test", "v6.test",
		"x.localhost" };
	struct raw *r = raw_open(&ok, 1);
	struct asking a;

	memset(names, 0, sizeof(names));
	names[0].name = "name.test";
	names[0].addresses[0] = "127.0.0.1";
	names[1].name = "a.wild.test";
	names[1].addresses[0] = "127.0.0.1";
	names[2].name = "link.test";
	names[2].addresses[0] = "169.254.169.254";
	names[3].name = "v6.test";
	names[3].addresses[0] = "::ffff:127.0.0.1";
	names[3].addresses[1] = "64:ff9b::127.0.0.1";
	begin(&a, w, r, hosts, array_len(hosts));
	denied(&a, "name.test", "its address 127.0.0.1 is a loopback one");
	denied(&a, "a.wild.test", "its address 127.0.0.1 is a loopback one");
	denied(&a, "link.test", "its address 169.254.169.254 is a link-local");
	denied(&a, "v6.test", "is a loopback one");
	denied(&a, "x.localhost", "is a loopback one");
	denied(&a, "other.test", "the list of hosts has no other.test");
	denied(&a, "127.0.0.1", "the list of hosts has no 127.0.0.1");
	CHECK_INT(raw_accepted(r), 0);
	CHECK_OK(visit(&a, "localhost", true), &a.e);
	CHECK_INT(raw_accepted(r), 1);
	http_client_free(a.client);
	raw_close(r);
}

/* Somebody else may have connected to a host with a wider permit, and the connection was kept. */
static void a_kept_connection_is_held_against_the_permit_too(struct world *w)
{
	const char *hosts[] = { "name.test" };
	struct raw *r = raw_open(&ok, 1);
	struct asking a;

	memset(names, 0, sizeof(names));
	names[0].name = "name.test";
	names[0].addresses[0] = "127.0.0.1";
	begin(&a, w, r, hosts, 1);
	CHECK_OK(visit(&a, "name.test", false), &a.e);
	CHECK_OK(visit(&a, "name.test", false), &a.e);
	CHECK_INT(raw_accepted(r), 1);
	CHECK_INT(raw_asked(r), 2);
	denied(&a, "name.test", "its address 127.0.0.1 is a loopback one");
	CHECK_INT(raw_asked(r), 2);
	CHECK_OK(visit(&a, "name.test", false), &a.e);
	CHECK_INT(raw_asked(r), 3);
	http_client_free(a.client);
	raw_close(r);
}

static void every_address_of_a_name_is_looked_at(struct world *w)
{
	const char *hosts[] = { "both.test" };
	struct raw *r = raw_open(&ok, 1);
	struct asking a;

	memset(names, 0, sizeof(names));
	names[0].name = "both.test"; /* a private one where nobody listens, and a forbidden one */
	names[0].addresses[0] = "127.0.0.1";
	names[0].addresses[1] = "10.255.255.1";
	names[1].name = "down.test"; /* the first refuses, the second is the server */
	names[1].addresses[0] = "127.0.0.3";
	names[1].addresses[1] = "127.0.0.1";
	begin(&a, w, r, hosts, 1);
	a.e = (struct err){ 0 };
	CHECK_INT(visit(&a, "both.test", true), -1);
	CHECK_INT(a.sent, HTTP_NOT_SENT);
	CHECK_INT(raw_accepted(r), 0);
	CHECK_OK(visit(&a, "down.test", false), &a.e);
	CHECK_INT(raw_accepted(r), 1);
	http_client_free(a.client);
	raw_close(r);
}

/* The thread that looks a name up may hang; whoever asked need not, nor may the loop. */
static void a_name_that_is_not_found_holds_nobody_up(struct world *w)
{
	struct http_request r = {
		.method = "GET", .url = "http://blocked.test/?secret", .connect_ms = 50
	};
	struct asking a = { .client = http_client_new(w, 0, &a.e) };
	int64_t t = fiber_now();

	pthread_mutex_lock(&blocked);
	CHECK(!http_open(a.client, &r, &a.sent, &a.e));
	CHECK_INT(a.e.code, ERR_TIMEOUT);
	CHECK_INT(a.sent, HTTP_NOT_SENT);
	CHECK_HAS(a.e.msg, "blocked.test: no connection came about within 50 ms");
	CHECK(fiber_now() - t < PATIENCE_MS);
	r.url = "http://nowhere.test/?secret";
	CHECK(!http_open(a.client, &r, &a.sent, &a.e));
	CHECK_STR(a.e.msg, "nowhere.test: no such host");
	CHECK_INT(a.sent, HTTP_NOT_SENT);
	http_client_free(a.client);
	pthread_mutex_unlock(&blocked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_read),
		cmocka_unit_test(odd_urls_are_refused),
		cmocka_unit_test(the_hostile_urls_of_the_standard),
		cmocka_unit_test(each_address_is_what_it_is),
		cmocka_unit_test(the_list_says_which_hosts),
		REAL_TEST(what_counts_is_the_address),
		REAL_TEST(a_kept_connection_is_held_against_the_permit_too),
		REAL_TEST(every_address_of_a_name_is_looked_at),
		REAL_TEST(a_name_that_is_not_found_holds_nobody_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

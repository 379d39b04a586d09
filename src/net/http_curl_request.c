#include "base/mem.h"
#include "net/http_curl_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* From a request to the library's options, and from the library's callbacks to an answer.
 *
 * An easy handle is set up once; a request changes only what is its own.  A body of some size is
 * not kept while the answer is waited for, which may take a model half a minute: it is read by the
 * library in pieces and freed when the last has left.  The price: the library cannot send it a
 * second time, should a kept connection turn out to be closed. */

#define BODY_KEPT 16384
#define RECEIVE   4096L  /* bytes of the library's buffer, one a transfer */
#define SEND      16384L /* the smallest it takes; only made for bodies that are read */
#define ADDED     4      /* fields of our own */
#define HEAD_MAX  (64 * 1024)
#define SENDINGS  2 /* the second when a kept connection broke; who asks has attempts of his own */

static void remember(struct transfer *t, const struct err *e)
{
	if (!t->why)
		t->why = mem_new(struct err);
	*t->why = *e;
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Each address of a host comes by here before it is connected to. */
static curl_socket_t on_open(void *transfer, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct transfer *t = transfer;
	curl_socket_t fd;
	struct err e;

	(void)purpose;
	if (!t->asker)
		return CURL_SOCKET_BAD;
	if (reach_check(&t->asker->permit, &to->addr, &e) < 0) {
		remember(t, &e);
		return CURL_SOCKET_BAD;
	}
	t->tried++;
	fd = curl_client_open_socket(t->client, to);
	if (fd == CURL_SOCKET_BAD) {
		err_set(&e, is_shortage(errno) ? HTTP_SHORT : ERR_IO, "making a socket: %s",
		    strerror(errno));
		t->tried = 0;
		remember(t, &e);
	}
	return fd;
}

static int check_again(const struct permit *p, const char *address, struct err *e)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return reach_check(p, (const struct sockaddr *)&v4, e);
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		return reach_check(p, (const struct sockaddr *)&v6, e);
	return err_set(e, ERR_DENIED, "its connection has no address");
}

/* Connected, and about to send: on a connection of our own, or on one that another request made,
 * with another permit. */
static int on_ready(void *transfer, char *address, char *local, int port, int local_port)
{
	struct transfer *t = transfer;
	struct err e;

	(void)local;
	(void)port;
	(void)local_port;
	if (!t->asker)
		return CURL_PREREQFUNC_ABORT;
	if (t->asker->permit.kind != PERMIT_ANY &&
	    check_again(&t->asker->permit, address, &e) < 0) {
		remember(t, &e);
		return CURL_PREREQFUNC_ABORT;
	}
	if (t->sendings++ == SENDINGS) {
		err_set(&e, ERR_IO, HTTP_CUT_HEAD);
		remember(t, &e);
		return CURL_PREREQFUNC_ABORT;
	}
	http_connected(t->asker);
	return CURL_PREREQFUNC_OK;
}

static size_t on_read(char *to, size_t size, size_t n, void *transfer)
{
	struct transfer *t = transfer;
	size_t part = t->nbody - t->at;

	if (part > size * n)
		part = size * n;
	if (part)
		memcpy(to, t->body + t->at, part);
	t->at += part;
	if (t->at == t->nbody) {
		free(t->body);
		t->body = NULL;
	}
	return part;
}

static int on_seek(void *transfer, curl_off_t offset, int origin)
{
	struct transfer *t = transfer;

	if (!t->body || origin != SEEK_SET || offset < 0 || (size_t)offset > t->nbody)
		return CURL_SEEKFUNC_FAIL;
	t->at = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static void took_line(struct http_open *x, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n), *value = colon + 1, *end = line + n;

	if (!colon || colon == line || *line == ' ' || *line == '\t')
		return;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && strchr(" \t\r\n", end[-1]))
		end--;
	http_took_field(x, line, (size_t)(colon - line), value, (size_t)(end - value));
}

/* "HTTP/1.1 200 OK": another head begins, perhaps after one that was only informational. */
static void took_status(struct transfer *t, const char *line, size_t n)
{
	const char *space = memchr(line, ' ', n);

	t->status = space ? atoi(space + 1) : 0;
	t->shared = line[5] == '2';
	buf_clear(&t->asker->head);
}

static size_t on_head(char *line, size_t size, size_t n, void *transfer)
{
	struct transfer *t = transfer;
	struct http_open *x = t->asker;
	struct err e;

	n *= size;
	if (!x)
		return 0;
	if (x->headed) /* fields behind the body */
		return n;
	if (x->head.len + n > HEAD_MAX) {
		err_set(&e, ERR_LIMIT, "the head of its answer is longer than 64 KiB");
		remember(t, &e);
		return 0;
	}
	if (n > 5 && !strncmp(line, "HTTP/", 5))
		took_status(t, line, n);
	else if (*line != '\r' && *line != '\n')
		took_line(x, line, n);
	else if (t->status >= 200)
		http_took_head(x, t->status);
	return n;
}

/* Over HTTP/1 the sender waits while the asker does not read.  Over HTTP/2 this version of the
 * library stops reading the whole connection for it, and with it all other requests; so there the
 * answer is taken as it comes, up to the asker's max_body. */
static size_t on_body(char *bytes, size_t size, size_t n, void *transfer)
{
	struct transfer *t = transfer;
	struct err e;

	if (!t->asker)
		return 0;
	if (t->asker->full && !t->shared) {
		t->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (http_took_body(t->asker, bytes, size * n, &e) < 0) {
		remember(t, &e);
		return 0;
	}
	return size * n;
}

#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode failed_ = curl_easy_setopt(t->easy, option, value);                       \
		if (failed_)                                                                       \
			bug("the HTTP client's library refuses " #option ": %s",                   \
			    curl_easy_strerror(failed_));                                          \
	} while (0)

static void set_callbacks(struct transfer *t)
{
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_CLOSESOCKETFUNCTION, curl_client_close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, t->client); /* the connection outlives the transfer */
	SET(CURLOPT_PREREQFUNCTION, on_ready);
	SET(CURLOPT_PREREQDATA, t);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, t);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_SEEKDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_head);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_ERRORBUFFER, t->detail);
}

/* Names are looked up by the library, on a thread of its own for each; QUICK_EXIT: nobody waits for
 * that thread when the request is given up.  HTTP/2 only over TLS: without, this version of the
 * library fails (curl issue 10634). */
static void set_usual(struct transfer *t)
{
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_PROXY, ""); /* one of the environment would blind the guard */
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_BUFFERSIZE, RECEIVE);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, SEND);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, 0x7fffffffL); /* the asker has one */
	if (t->client->ca_file)
		SET(CURLOPT_CAINFO, t->client->ca_file);
}

struct transfer *transfer_new(struct curl_client *c)
{
	struct transfer *t = mem_new(struct transfer);

	t->client = c;
	list_init(&t->link);
	t->easy = curl_easy_init();
	t->url = curl_url();
	if (!t->easy || !t->url)
		bug("the HTTP client's library makes no handle");
	set_callbacks(t);
	set_usual(t);
	return t;
}

void transfer_clear(struct transfer *t)
{
	t->asker = NULL;
	free(t->block);
	free(t->body);
	free(t->why);
	t->block = t->body = NULL;
	t->why = NULL;
}

void transfer_free(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_url_cleanup(t->url);
	transfer_clear(t);
	free(t->url_text);
	free(t);
}

/* What the library would add by itself is taken out by a field without a value; one that is to
 * be sent empty has a semicolon. */
static size_t print_field(char *to, const struct http_field *f)
{
	size_t name = strlen(f->name), value = strlen(f->value);

	memcpy(to, f->name, name);
	if (value) {
		memcpy(to + name, ": ", 2);
		memcpy(to + name + 2, f->value, value + 1);
		return name + value + 3;
	}
	memcpy(to + name, ";", 2);
	return name + 2;
}

static const struct http_field *find(const struct http_request *r, const char *name)
{
	for (int i = 0; i < r->nfields; i++)
		if (!strcasecmp(r->fields[i].name, name))
			return &r->fields[i];
	return NULL;
}

static size_t fields_size(const struct http_request *r)
{
	size_t n = (size_t)(r->nfields + ADDED) * sizeof(struct curl_slist);

	for (int i = 0; i < r->nfields; i++)
		n += strlen(r->fields[i].name) + strlen(r->fields[i].value) + 3;
	return n;
}

/* The library's list of fields in one block, which is the beginning of `block`. */
static char *fill_fields(struct transfer *t, const struct http_request *r)
{
	static char no_expect[] = "Expect:", no_type[] = "Content-Type:", no_accept[] = "Accept:",
		    agent[] = "User-Agent: frontdesk";
	struct curl_slist *list = t->block;
	char *at = (char *)(list + r->nfields + ADDED);
	int n = 0;

	list[n++].data = no_expect;
	if (!find(r, "Content-Type"))
		list[n++].data = no_type;
	if (!find(r, "Accept"))
		list[n++].data = no_accept;
	if (!find(r, "User-Agent"))
		list[n++].data = agent;
	for (int i = 0; i < r->nfields; i++) {
		list[n++].data = at;
		at += print_field(at, &r->fields[i]);
	}
	for (int i = 0; i < n; i++)
		list[i].next = i + 1 < n ? &list[i + 1] : NULL;
	SET(CURLOPT_HTTPHEADER, list);
	return at;
}

static size_t body_size(const struct http_request *r)
{
	size_t n = 0;

	for (int i = 0; i < r->npieces; i++)
		n += r->body[i].n;
	return n;
}

static void copy_body(char *to, const struct http_request *r)
{
	for (int i = 0; i < r->npieces; to += r->body[i++].n)
		if (r->body[i].n)
			memcpy(to, r->body[i].bytes, r->body[i].n);
}

/* NULL: the library's own for what it is set to. */
static void set_method(struct transfer *t, const char *method, const char *own)
{
	SET(CURLOPT_CUSTOMREQUEST, strcmp(method, own) ? method : NULL);
}

static bool usually_has_body(const char *method)
{
	return !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
}

static void fill_body(struct transfer *t, const struct http_request *r, char *small)
{
	if (!t->nbody && !usually_has_body(r->method)) {
		SET(CURLOPT_HTTPGET, 1L);
		if (!strcmp(r->method, "HEAD"))
			SET(CURLOPT_NOBODY, 1L);
		set_method(t, r->method, strcmp(r->method, "HEAD") ? "GET" : "HEAD");
		return;
	}
	if (t->nbody > BODY_KEPT)
		small = NULL;
	copy_body(small ? small : (t->body = mem_alloc(t->nbody)), r);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->nbody);
	SET(CURLOPT_POSTFIELDS, small);
	set_method(t, r->method, "POST");
}

/* Reading a URL is a tenth of what the library does for a request; most go where the last went. */
static int fill_url(struct transfer *t, const char *url, struct err *e)
{
	bool tls = (url[4] | 0x20) == 's';

	if (t->url_text && !strcmp(t->url_text, url))
		return 0;
	free(t->url_text);
	t->url_text = NULL;
	if (curl_url_set(t->url, CURLUPART_URL, url, CURLU_PATH_AS_IS))
		return err_set(e, ERR_INVALID, "the URL cannot be used: its library refuses it");
	t->url_text = mem_strdup(url);
	SET(CURLOPT_URL, NULL);
	SET(CURLOPT_CURLU, t->url);
	SET(CURLOPT_PIPEWAIT, tls ? 1L : 0L); /* rather share a connection than make one */
	return 0;
}

int transfer_fill(
    struct transfer *t, struct http_open *x, const struct http_request *r, struct err *e)
{
	char *end;

	t->asker = x;
	t->nbody = body_size(r);
	t->at = 0;
	t->status = t->tried = t->sendings = 0;
	t->shared = t->paused = false;
	t->detail[0] = '\0';
	t->block = mem_alloc(fields_size(r) + (t->nbody > BODY_KEPT ? 0 : t->nbody) + 1);
	SET(CURLOPT_FRESH_CONNECT, r->once ? 1L : 0L); /* only on a kept one it would try again */
	end = fill_fields(t, r);
	fill_body(t, r, end);
	return fill_url(t, r->url, e);
}

bool transfer_sent(const struct transfer *t)
{
	long bytes = 0;

	if (t->wish == WISH_START || !t->asker->sending)
		return false;
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes > 0;
}

static void connect_failed(struct transfer *t, struct err *e)
{
	long number = 0;

	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
	if (number == ECONNREFUSED)
		err_set(e, ERR_IO, "connection refused");
	else
		err_set(e, ERR_IO, "no connection: %s",
		    number ? strerror((int)number) : "none of its addresses answers");
}

static void tls_failed(struct transfer *t, CURLcode result, struct err *e)
{
	err_set(e, ERR_IO, "no trusted connection: %s",
	    t->detail[0] ? t->detail : curl_easy_strerror(result));
}

static void cut(struct transfer *t, struct err *e)
{
	err_set(e, ERR_IO, "%s", t->asker->headed ? HTTP_CUT_BODY : HTTP_CUT_HEAD);
}

/* In our words; of the library's only those about TLS, where it has seen certificates alone. */
static void explain(struct transfer *t, CURLcode result, struct err *e)
{
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST: err_set(e, ERR_IO, "no such host"); break;
	case CURLE_COULDNT_CONNECT: connect_failed(t, e); break;
	case CURLE_OPERATION_TIMEDOUT: err_set(e, ERR_TIMEOUT, "no connection came about"); break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS: tls_failed(t, result, e); break;
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM: cut(t, e); break;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING: err_set(e, ERR_IO, "its answer is not HTTP"); break;
	default: err_set(e, ERR_IO, "%s", curl_easy_strerror(result));
	}
}

/* All of the body it announced has come.  A server that answers before it has heard all, and then
 * gives the stream up, is an error to the library, although HTTP allows it. */
static bool complete(const struct http_open *x)
{
	const char *length = x->headed ? http_field(x, "Content-Length") : NULL;

	return length && *length >= '0' && *length <= '9' &&
	       strtoull(length, NULL, 10) == x->received;
}

static void tell(struct transfer *t, CURLcode result)
{
	struct err e;

	if ((!result && t->asker->headed) || (!t->why && complete(t->asker))) {
		http_ended(t->asker, true, NULL);
		return;
	}
	if (!result)
		result = CURLE_WEIRD_SERVER_REPLY;
	if (t->why && !(result == CURLE_COULDNT_CONNECT && t->tried))
		e = *t->why;
	else
		explain(t, result, &e);
	http_ended(t->asker, transfer_sent(t), &e);
}

void transfer_done(struct transfer *t, CURLcode result)
{
	if (t->asker)
		tell(t, result);
	t->asker = NULL;
}

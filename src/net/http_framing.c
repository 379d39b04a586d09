#include "net/http_framing.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

#define VERSION_LEN 8 /* HTTP/1.1 */
/* What the library keeps for each header beside its text (a list node in the same memory). */
#define HEADER_NODE 64

/* The state of one walk over the headers. */
struct walk {
	const char *at;  /* where the next header must begin */
	const char *end; /* of the head */
	struct http_framing *f;
	int lengths, encodings, hosts;
	struct err *e;
	bool failed;
};

static bool is_token(const char *s, size_t n)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		bool alnum =
		    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!alnum && !memchr(marks, c, sizeof(marks) - 1))
			return false;
	}
	return n > 0;
}

static bool is_name(const char *name, size_t n, const char *wanted)
{
	return n == strlen(wanted) && !strncasecmp(name, wanted, n);
}

static bool holds_control(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
			return true;
	return false;
}

static int check_length(struct walk *w, const char *value, size_t n)
{
	uint64_t length = 0;

	if (w->lengths++)
		return err_set(w->e, ERR_INVALID, "Content-Length is given twice; give it once");
	if (!n)
		return err_set(w->e, ERR_INVALID, "Content-Length is empty");
	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			return err_set(w->e, ERR_INVALID, "Content-Length is not a number");
		if (length > (UINT64_MAX - 9) / 10)
			length = UINT64_MAX;
		else
			length = length * 10 + (uint64_t)(value[i] - '0');
	}
	w->f->length = length;
	return 0;
}

static int check_encoding(struct walk *w, const char *value, size_t n)
{
	if (w->encodings++)
		return err_set(w->e, ERR_INVALID, "Transfer-Encoding is given twice; give it once");
	if (!is_name(value, n, "chunked"))
		return err_set(w->e, ERR_INVALID,
		    "this Transfer-Encoding is not supported; send the body chunked or with a "
		    "Content-Length");
	w->f->chunked = true;
	return 0;
}

/* The library keeps a copy of each cookie beside the header. */
static size_t cookie_bytes(const char *value, size_t n)
{
	size_t bytes = n + HEADER_NODE;

	for (size_t i = 0; i < n; i++)
		if (value[i] == ';')
			bytes += HEADER_NODE;
	return bytes;
}

static int check_header(struct walk *w, const char *name, size_t nn, const char *value, size_t vn)
{
	if (name != w->at)
		return err_set(w->e, ERR_INVALID,
		    "a header line before %.40s is folded, holds a NUL, or does not end in CRLF",
		    is_token(name, nn) ? name : "a malformed one");
	if (!is_token(name, nn))
		return err_set(w->e, ERR_INVALID,
		    "a header's name is empty or holds a character that no name may hold (a space "
		    "before the colon?)");
	if (holds_control(value, vn))
		return err_set(
		    w->e, ERR_INVALID, "the value of header %.40s holds a control character", name);
	if (!text_is_utf8(value, vn))
		return err_set(
		    w->e, ERR_INVALID, "the value of header %.40s is not valid UTF-8", name);
	for (const char *p = name + nn + 1; p < value; p++)
		if (*p != ' ' && *p != '\t')
			return err_set(
			    w->e, ERR_INVALID, "header %.40s is not one line of text", name);
	if (value + vn + 2 > w->end || value[vn] || value[vn + 1])
		return err_set(w->e, ERR_INVALID,
		    "the line of header %.40s holds a NUL or does not end in CRLF", name);
	w->at = value + vn + 2;
	if (is_name(name, nn, "Content-Length"))
		return check_length(w, value, vn);
	if (is_name(name, nn, "Transfer-Encoding"))
		return check_encoding(w, value, vn);
	if (is_name(name, nn, "Host") && w->hosts++)
		return err_set(w->e, ERR_INVALID, "Host is given twice; give it once");
	if (is_name(name, nn, "Cookie"))
		w->f->head_bytes += cookie_bytes(value, vn);
	return 0;
}

static enum MHD_Result walk_header(
    void *arg, enum MHD_ValueKind kind, const char *name, size_t nn, const char *value, size_t vn)
{
	struct walk *w = arg;

	(void)kind;
	w->f->nheaders++;
	w->failed = check_header(w, name, nn, value ? value : "", vn) < 0;
	return w->failed ? MHD_NO : MHD_YES;
}

static int check_target(const char *target, struct err *e)
{
	size_t n = strlen(target);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)target[i] <= ' ' || target[i] == 0x7f || target[i] == '#')
			return err_set(e, ERR_INVALID,
			    "the address holds a space, a control character or a #; write it as "
			    "%%XX");
	if (!text_is_utf8(target, n))
		return err_set(e, ERR_INVALID, "the address is not valid UTF-8");
	if (*target != '/' && strcmp(target, "*") && strncasecmp(target, "http://", 7) &&
	    strncasecmp(target, "https://", 8))
		return err_set(e, ERR_INVALID, "the address begins with no /");
	return 0;
}

/* "METHOD target HTTP/1.1", one space between, by the places of its parts. */
static int check_line(const struct http_head *h, struct err *e)
{
	size_t method = strlen(h->method);

	if (!is_token(h->method, method))
		return err_set(
		    e, ERR_INVALID, "the method is empty or holds a character that none may hold");
	if (!h->line_target || h->line_target != h->method + method + 1 ||
	    h->version != h->line_target + strlen(h->target) + 1 || h->version[VERSION_LEN] ||
	    h->version[VERSION_LEN + 1])
		return err_set(e, ERR_INVALID,
		    "the request line is not METHOD, one space, address, one space, HTTP/1.1, "
		    "CRLF");
	return check_target(h->target, e);
}

int http_framing_check(
    struct MHD_Connection *c, const struct http_head *head, struct http_framing *f, struct err *e)
{
	const union MHD_ConnectionInfo *size;
	struct walk w = { .f = f, .e = e };

	if (check_line(head, e) < 0)
		return -1;
	size = MHD_get_connection_info(c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (!size)
		bug("a request without a size of its head");
	w.at = head->version + VERSION_LEN + 2;
	w.end = head->method + size->header_size;
	MHD_get_connection_values_n(c, MHD_HEADER_KIND, walk_header, &w);
	if (w.failed)
		return -1;
	if (w.at + 2 != w.end || w.at[0] || w.at[1])
		return err_set(e, ERR_INVALID,
		    "the last header line is folded, holds a NUL, or does not end in CRLF");
	if (w.lengths && w.encodings)
		return err_set(e, ERR_INVALID,
		    "Content-Length and Transfer-Encoding are both given; give one");
	if (f->chunked && strcmp(head->version, "HTTP/1.1") < 0)
		return err_set(
		    e, ERR_INVALID, "a body in chunks needs HTTP/1.1; give a Content-Length");
	if (!w.hosts && !strcmp(head->version, "HTTP/1.1"))
		return err_set(e, ERR_INVALID, "the header Host is missing");
	f->head_bytes += size->header_size + f->nheaders * HEADER_NODE;
	return 0;
}

struct copying {
	struct arena *mem;
	struct http_header *headers;
	size_t n, room;
};

static enum MHD_Result copy_header(
    void *arg, enum MHD_ValueKind kind, const char *name, size_t nn, const char *value, size_t vn)
{
	struct copying *c = arg;

	(void)kind;
	if (c->n == c->room)
		bug("a request grew from %zu headers", c->room);
	while (vn > 0 && (value[vn - 1] == ' ' || value[vn - 1] == '\t'))
		vn--;
	c->headers[c->n].name = arena_strndup(c->mem, name, nn);
	c->headers[c->n++].value = value ? arena_strndup(c->mem, value, vn) : "";
	return MHD_YES;
}

const struct http_header *http_framing_headers(
    struct arena *mem, struct MHD_Connection *c, size_t nheaders)
{
	struct copying copy = { mem, arena_array(mem, struct http_header, nheaders), 0, nheaders };

	MHD_get_connection_values_n(c, MHD_HEADER_KIND, copy_header, &copy);
	return copy.headers;
}

void http_target_split(struct arena *mem, const char *target, const char **path, const char **query)
{
	const char *mark;

	if (*target != '/' && strcmp(target, "*")) { /* a proxy's form: scheme://host first */
		target = strstr(target, "://") + 3;
		target += strcspn(target, "/?");
	}
	mark = strchr(target, '?');
	*query = mark ? mark + 1 : "";
	*path = mark ? arena_strndup(mem, target, (size_t)(mark - target)) : target;
	if (!**path)
		*path = "/";
}

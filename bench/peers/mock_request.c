#include "mock_request.h"

#include <stddef.h>
#include <string.h>

enum {
	MAX_PENDING = 64,
	ID_LEN = 80
};

/* JSON: skip and walk, no tree. */

static const char *ws(const char *p, const char *e)
{
	while (p < e && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

static const char *skip_string(const char *p, const char *e) /* p at the opening quote */
{
	for (p++; p < e;) {
		const char *q = memchr(p, '"', (size_t)(e - p));
		if (!q)
			return NULL;
		const char *b = q;
		while (b > p && b[-1] == '\\')
			b--;
		if (((q - b) & 1) == 0)
			return q + 1;
		p = q + 1;
	}
	return NULL;
}

static const char *skip_value(const char *p, const char *e)
{
	int depth = 0;
	for (p = ws(p, e); p < e;) {
		switch (*p) {
		case '"':
			if (!(p = skip_string(p, e)))
				return NULL;
			break;
		case '{':
		case '[':
			depth++;
			p++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return p;
			depth--;
			p++;
			break;
		case ',':
			if (depth == 0)
				return p;
			p++;
			continue;
		case ':':
		case ' ':
		case '\n':
		case '\t':
		case '\r': p++; continue;
		default:
			while (p < e && !strchr(",]} \n\t\r", *p))
				p++;
		}
		if (depth == 0)
			return p;
	}
	return NULL;
}

struct iter {
	const char *p, *e;
	const char *key;
	size_t keylen;
	const char *val, *vend;
	bool object, first, bad;
};

static struct iter iter_begin(const char *p, const char *e, char open)
{
	struct iter it = { .e = e, .object = open == '{', .first = true };
	p = ws(p, e);
	if (p >= e || *p != open)
		it.bad = true;
	else
		it.p = p + 1;
	return it;
}

static bool iter_bad(struct iter *it)
{
	it->bad = true;
	return false;
}

/* "key": at p; the value's first byte, NULL: it is none. */
static const char *iter_key(struct iter *it, const char *p)
{
	const char *q = *p == '"' ? skip_string(p, it->e) : NULL;
	if (!q)
		return NULL;
	it->key = p + 1;
	it->keylen = (size_t)(q - p) - 2;
	p = ws(q, it->e);
	return p < it->e && *p == ':' ? ws(p + 1, it->e) : NULL;
}

/* The next item or member in it->val..vend; false: there is none, or it->bad. */
static bool iter_next(struct iter *it)
{
	if (it->bad)
		return false;
	const char *p = ws(it->p, it->e);
	if (p < it->e && !it->first && *p == ',')
		p = ws(p + 1, it->e);
	it->first = false;
	if (p >= it->e)
		return iter_bad(it);
	if (*p == ']' || *p == '}')
		return false;
	if (it->object && !(p = iter_key(it, p)))
		return iter_bad(it);
	it->val = p;
	it->p = it->vend = skip_value(p, it->e);
	return it->vend || iter_bad(it);
}

static bool key_is(const struct iter *it, const char *k)
{
	return strlen(k) == it->keylen && !memcmp(it->key, k, it->keylen);
}

/* A value as it stands; p NULL: there is none. */
struct value {
	const char *p, *e;
};

static struct value value_of(const struct iter *it)
{
	return (struct value){ it->val, it->vend };
}

static bool str_is(struct value v, const char *s)
{
	size_t n = strlen(s);
	return v.p && (size_t)(v.e - v.p) == n + 2 && *v.p == '"' && !memcmp(v.p + 1, s, n);
}

/* Calls whose results have not come yet: their ids, with the quotes. */

struct pending {
	char id[MAX_PENDING][ID_LEN];
	int n;
};

static bool pend_add(struct pending *pd, struct value id)
{
	if (!id.p || *id.p != '"' || pd->n == MAX_PENDING || id.e - id.p >= ID_LEN)
		return false;
	memcpy(pd->id[pd->n], id.p, (size_t)(id.e - id.p));
	pd->id[pd->n++][id.e - id.p] = 0;
	return true;
}

static bool pend_take(struct pending *pd, struct value id)
{
	for (int i = 0; id.p && i < pd->n; i++)
		if (strlen(pd->id[i]) == (size_t)(id.e - id.p) &&
		    !memcmp(pd->id[i], id.p, (size_t)(id.e - id.p))) {
			memmove(pd->id[i], pd->id[pd->n - 1], ID_LEN);
			pd->n--;
			return true;
		}
	return false;
}

/* The checkers: NULL, or what is wrong with one message.  rq->final: it has results. */

static const char *add_calls(struct pending *pd, struct value calls)
{
	struct iter c = iter_begin(calls.p, calls.e, '[');
	while (iter_next(&c)) {
		struct iter o = iter_begin(c.val, c.vend, '{');
		while (iter_next(&o))
			if (key_is(&o, "id") && !pend_add(pd, value_of(&o)))
				return "bad tool call id";
	}
	return NULL;
}

static const char *check_openai(struct value message, struct pending *pd, struct request *rq)
{
	struct value role = { 0 }, calls = { 0 }, call_id = { 0 };
	struct iter f = iter_begin(message.p, message.e, '{');
	while (iter_next(&f)) {
		if (key_is(&f, "role"))
			role = value_of(&f);
		else if (key_is(&f, "tool_calls") && *f.val == '[')
			calls = value_of(&f);
		else if (key_is(&f, "tool_call_id"))
			call_id = value_of(&f);
	}
	if (f.bad || !role.p)
		return "message without role";
	rq->final = str_is(role, "tool");
	if (rq->final)
		return pend_take(pd, call_id) ? NULL : "tool message without a preceding tool call";
	if (pd->n)
		return "tool call without its tool message";
	if (str_is(role, "system") || str_is(role, "developer"))
		rq->system = true;
	return calls.p ? add_calls(pd, calls) : NULL;
}

/* had: calls of the message before wait for their results, so there is no room for new ones. */
static const char *check_block(struct value block, struct pending *pd, bool had, struct request *rq)
{
	struct value type = { 0 }, id = { 0 }, ref = { 0 };
	struct iter o = iter_begin(block.p, block.e, '{');
	while (iter_next(&o)) {
		if (key_is(&o, "type"))
			type = value_of(&o);
		else if (key_is(&o, "id"))
			id = value_of(&o);
		else if (key_is(&o, "tool_use_id"))
			ref = value_of(&o);
	}
	if (str_is(type, "tool_result")) {
		rq->final = true;
		return pend_take(pd, ref) ? NULL : "tool_result without its tool_use";
	}
	if (str_is(type, "tool_use") && (had || !pend_add(pd, id)))
		return "tool_use out of place";
	return NULL;
}

static const char *check_anthropic(struct value message, struct pending *pd, struct request *rq)
{
	struct value content = { 0 };
	bool had = pd->n > 0;
	const char *wrong = NULL;
	struct iter f = iter_begin(message.p, message.e, '{');
	while (iter_next(&f))
		if (key_is(&f, "content"))
			content = value_of(&f);
	if (f.bad || !content.p)
		return "message without content";
	rq->final = false;
	if (*content.p == '[') {
		struct iter b = iter_begin(content.p, content.e, '[');
		while (!wrong && iter_next(&b))
			wrong = check_block(value_of(&b), pd, had, rq);
	}
	return !wrong && had && pd->n ? "tool_use without its tool_result" : wrong;
}

static const char *check_messages(struct value list, bool openai, struct request *rq)
{
	static struct pending pd;
	int count = 0;
	const char *wrong = NULL;
	struct iter m = iter_begin(list.p, list.e, '[');
	pd.n = 0;
	for (; !wrong && iter_next(&m); count++)
		wrong = openai ? check_openai(value_of(&m), &pd, rq)
			       : check_anthropic(value_of(&m), &pd, rq);
	if (wrong)
		return wrong;
	if (m.bad || !count)
		return "bad messages array";
	return pd.n ? "tool call without its result" : NULL;
}

struct request parse_request(const char *p, size_t n, bool openai)
{
	struct request rq = { 0 };
	struct value messages = { 0 };
	struct iter it = iter_begin(p, p + n, '{');
	while (iter_next(&it)) {
		if (key_is(&it, "messages"))
			messages = value_of(&it);
		else if (key_is(&it, "stream"))
			rq.stream = *it.val == 't';
		else if (key_is(&it, "system"))
			rq.system = true;
		else if (key_is(&it, "stream_options"))
			rq.include_usage =
			    memmem(it.val, (size_t)(it.vend - it.val), "true", 4) != NULL;
		else if (key_is(&it, "tools") && *it.val == '[') {
			struct iter t = iter_begin(it.val, it.vend, '[');
			while (iter_next(&t))
				rq.n_tools++;
		}
	}
	if (it.bad)
		rq.error = "malformed JSON";
	else if (!messages.p)
		rq.error = "no messages";
	else if (rq.n_tools < N_TOOLS)
		rq.error = "fewer than 3 tools declared";
	else
		rq.error = check_messages(messages, openai, &rq);
	return rq;
}

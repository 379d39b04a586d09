#include "base/mem.h"
#include "base/text.h"
#include "model/provider_inside.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NAME_LONGEST 64

static const char begin[] = "The conversation begins.";
static const char go_on[] = "Go on: what is said above has been sent to the customer.";

/* Text. */

void body_chars(struct buf *out, const char *s)
{
	json_write_chars(out, s, strlen(s));
}

/* "<state", "</note", "<recap": what only the server writes. */
static bool opens_tag(const char *s, size_t n)
{
	static const char *const tags[] = { "state", "note", "recap" };
	size_t skip = n > 1 && s[1] == '/' ? 2 : 1;

	for (size_t i = 0; i < array_len(tags); i++)
		if (n - skip >= strlen(tags[i]) && !strncasecmp(s + skip, tags[i], strlen(tags[i])))
			return true;
	return false;
}

void body_foreign(struct buf *out, const char *s, size_t n)
{
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] != '<' || !opens_tag(s + i, n - i))
			continue;
		json_write_chars(out, s + from, i - from);
		buf_adds(out, "&lt;");
		from = i + 1;
	}
	json_write_chars(out, s + from, n - from);
}

void body_tool_name(struct buf *out, const char *name)
{
	if (!*name)
		name = "unknown";
	for (size_t n = 0; name[n] && n < NAME_LONGEST; n++) {
		bool good = isalnum((unsigned char)name[n]) || name[n] == '-';

		buf_add(out, good ? &name[n] : "_", 1);
	}
}

void body_person(struct buf *out, const struct wire_message *w)
{
	const char *who = w->author ? w->author : "A support agent";

	buf_adds(out, "(");
	body_foreign(out, who, strlen(who));
	buf_adds(out, ", a person of the support team, wrote to the customer:)\\n");
	body_foreign(out, w->text, strlen(w->text));
}

void body_recap(struct buf *out, const struct wire_message *w)
{
	buf_adds(out, "<recap>What was said before this, in bullet points:\\n");
	body_foreign(out, w->text, strlen(w->text));
	buf_adds(out, "</recap>");
}

void body_member(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",\"%s\":\"", key);
	body_chars(out, value);
	buf_adds(out, "\"");
}

void body_sampling(struct buf *out, const json_t *sampling)
{
	const char *key;
	json_t *value;

	json_object_foreach (json_unconst(sampling), key, value) {
		buf_printf(out, ",\"%s\":", key);
		json_write(out, value);
	}
}

/* The list of messages. */

struct list {
	struct buf *out;
	const struct provider_model *m;
	size_t last; /* where its last message begins, or the piece that ends with it */
	bool any;
};

/* The beginning that both share; NULL: they do not join. */
static const char *joint(const struct list *l, const char *s, size_t n)
{
	const char *prev = l->out->data + l->last;
	size_t len = l->out->len - l->last, end = strlen(l->m->dialect->closed);

	if (!l->any || len < end || strcmp(prev + len - end, l->m->dialect->closed))
		return NULL;
	for (const char *const *b = l->m->dialect->begins; *b; b++) {
		size_t k = strlen(*b);

		/* The first of the list has lost its comma. */
		if (n > k && !strncmp(s, *b, k) &&
		    !strncmp(prev, *b + (*prev == '{'), k - (*prev == '{')))
			return *b;
	}
	return NULL;
}

static void add(struct list *l, const char *s, size_t n)
{
	const char *b = l->m->can.alternate ? joint(l, s, n) : NULL;

	if (!n)
		return;
	if (b) {
		l->out->len -= strlen(l->m->dialect->closed);
		buf_adds(l->out, l->m->dialect->between);
		s += strlen(b);
		n -= strlen(b);
	} else {
		if (l->out->data[l->out->len - 1] == '[') {
			s++;
			n--;
		}
		l->last = l->out->len;
	}
	buf_add(l->out, s, n);
	l->any = true;
}

static void add_buf(struct list *l, struct buf *one)
{
	add(l, buf_str(one), one->len);
	buf_done(one);
}

/* Closed messages from..to-1, in one piece where that will do. */
static void add_closed(struct list *l, struct wire *w, int from, int to)
{
	const struct wire_dialect *d = &l->m->wire;
	int step = l->m->can.alternate ? 1 : to - from;

	for (int i = from; i < to; i += step) {
		size_t at = wire_offset(w, d, i), end = wire_offset(w, d, i + step);

		add(l, wire_bytes(w, d)->data + at, end - at);
	}
}

static bool speaks(enum wire_role role)
{
	return role == WIRE_AI || role == WIRE_PERSON;
}

static const char *state_text(const struct model_request *r, struct arena *mem)
{
	json_t *all = json_copy(json_unconst(r->state)), *list;

	if (!all)
		return NULL;
	list = json_array();
	for (int i = 0; i < r->nintents; i++)
		json_array_append_new(
		    list, json_pack("{ss sf}", "name", r->intents[i].name, "p", r->intents[i].p));
	json_object_set_new(all, "intents", list);
	return json_text(mem, json_in(mem, all));
}

static void add_note(struct list *l, const char *text)
{
	struct buf one = { 0 };

	l->m->dialect->note(l->m, &one, text);
	add_buf(l, &one);
}

static void add_state(struct list *l, const struct model_request *r, struct arena *mem)
{
	const char *text = state_text(r, mem);
	struct buf one = { 0 };

	if (!text)
		return;
	if (l->any && l->m->dialect->mark && l->m->can.cache_control)
		l->m->dialect->mark(l->m, l->out);
	l->m->dialect->state(l->m, &one, text);
	add_buf(l, &one);
}

/* Who speaks first?  It must be the customer's side. */
static bool begins_badly(const struct model_request *r, const struct wire_message *tail, int n)
{
	if (wire_len(r->history))
		return speaks(wire_at(r->history, 0)->role);
	return n && speaks(tail[0].role);
}

static void add_history(struct list *l, const struct model_request *r, struct arena *mem)
{
	int n, len = wire_len(r->history), state = r->state_after < len ? r->state_after : len;
	const struct wire_message *tail = wire_tail(r->history, mem, &n),
				  *last = n     ? &tail[n - 1]
					  : len ? wire_at(r->history, len - 1)
						: NULL;
	struct buf one;

	if (begins_badly(r, tail, n))
		add_note(l, begin);
	add_closed(l, r->history, 0, state);
	add_state(l, r, mem);
	add_closed(l, r->history, state, len);
	for (int i = 0; i < n; i++) {
		one = (struct buf){ 0 };
		l->m->dialect->render(&l->m->wire, &one, &tail[i]);
		add_buf(l, &one);
	}
	if (state == len && !n && r->state)
		return; /* the state is last, and changes: no mark */
	if (last && speaks(last->role))
		add_note(l, go_on);
	if (l->any && l->m->dialect->mark && l->m->can.cache_control)
		l->m->dialect->mark(l->m, l->out);
}

void body_write(struct body *b, const struct provider_model *m, const struct model_request *r,
    struct arena *mem)
{
	const struct buf *head = head_bytes(m, r);
	struct list l = { .out = &b->bytes, .m = m };

	buf_add(&b->bytes, head->data, head->len);
	add_history(&l, r, mem);
	b->list_end = b->bytes.len;
	m->dialect->tail(m, &b->bytes, r);
}

void body_go_on(struct body *b, const struct provider_model *m, const struct model_request *r,
    const char *content)
{
	b->bytes.len = b->list_end;
	m->dialect->go_on(&b->bytes, content);
	b->list_end = b->bytes.len;
	m->dialect->tail(m, &b->bytes, r);
}

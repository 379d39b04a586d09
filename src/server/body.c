#include "server/route.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

#define CUSTOMER                                                                                   \
	"\"customer\":{\"type\":\"object\",\"required\":[\"id\"],\"maxProperties\":20,"            \
	"\"properties\":{\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200,"           \
	"\"pattern\":\"^[^\\\\x00-\\\\x1f]*$\"},"                                                  \
	"\"name\":{\"type\":\"string\",\"maxLength\":200},"                                        \
	"\"email\":{\"type\":\"string\",\"maxLength\":320}}}"
#define OBJECT "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"

const char create_body[] =
    OBJECT CUSTOMER ",\"identity\":{\"type\":\"string\"},"
		    "\"channel\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":31},"
		    "\"external_id\":{\"type\":\"string\",\"maxLength\":200},"
		    "\"subject\":{\"type\":\"string\",\"maxLength\":500}}}";

const char identify_body[] = OBJECT CUSTOMER ",\"identity\":{\"type\":\"string\"}}}";

const char message_body[] =
    "{\"type\":\"object\",\"required\":[\"content\"],\"additionalProperties\":false,"
    "\"properties\":{\"content\":{\"type\":\"string\",\"maxLength\":20000},\"attachments\":{}}}";

/* "/customer/id" is customer.id; for a member that is missing, its name and not its parent's. */
static const char *field_of(struct arena *mem, const char *pointer, const char *message)
{
	static const char missing[] = "missing \"";
	const char *name = text_starts(message, missing) ? message + strlen(missing) : NULL;
	char *field = arena_strdup(mem, *pointer ? pointer + 1 : "");

	for (char *c = field; *c; c++)
		*c = *c == '/' ? '.' : *c;
	if (!name)
		return field;
	return arena_printf(
	    mem, "%s%s%.*s", field, *field ? "." : "", (int)strcspn(name, "\""), name);
}

/* The first mistake is the answer. */
static int first_mistake(void *arg, const char *pointer, const char *message)
{
	struct request *r = arg;
	const char *field = field_of(r->mem, pointer, message);

	if (*field)
		answer_error(r, 422, "invalid", field, "%s: %s", field, message);
	else
		answer_error(r, 422, "invalid", NULL, "%s", message);
	return 1;
}

/* A NUL is legal JSON and ends a string in C: what would be cut short is refused. */
static bool has_nul(const json_t *j)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_string(j))
		return strlen(json_string_value(j)) != json_string_length(j);
	json_object_foreach (json_unconst(j), key, v)
		if (has_nul(v))
			return true;
	json_array_foreach (j, i, v)
		if (has_nul(v))
			return true;
	return false;
}

bool body_read(struct request *r, const struct schema *schema)
{
	struct err e;

	if (!r->x->body_len) {
		answer_error(r, 400, "bad_json", NULL, "the body is empty: send a JSON object");
		return false;
	}
	r->body = json_read_in(r->mem, r->x->body, r->x->body_len, &e);
	if (!r->body) {
		answer_error(r, 400, "bad_json", NULL, "the body is not JSON: %s", e.msg);
		return false;
	}
	if (!json_is_object(r->body)) {
		answer_error(r, 400, "bad_request", NULL, "the body must be a JSON object");
		return false;
	}
	if (has_nul(r->body)) {
		answer_error(
		    r, 422, "invalid", NULL, "a text in the body holds the character U+0000");
		return false;
	}
	return schema_check(schema, r->body, first_mistake, r);
}

static char *in_flight_name(struct request *r)
{
	return arena_printf(r->mem, "%s\n%s", r->key.scope, r->key.key);
}

static bool printable(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > 255)
		return false;
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7E)
			return false;
	return true;
}

bool key_begin(struct request *r, const char *scope, const char **conversation, int64_t *seq)
{
	unsigned char hash[DIGEST_SIZE];
	char *hex;
	struct err e;
	const char *key = http_header(r->x, "Idempotency-Key");

	*seq = 0;
	if (!key)
		return true;
	if (!printable(key)) {
		answer_error(r, 400, "bad_request", "Idempotency-Key",
		    "Idempotency-Key: expected 1 to 255 printable ASCII characters");
		return false;
	}
	digest_of(r->x->body, r->x->body_len, hash);
	hex = arena_alloc(r->mem, 2 * sizeof(hash) + 1);
	text_hex(hex, hash, sizeof(hash));
	r->key = (struct client_key){ .scope = scope, .key = key, .body_hash = hex };
	while (map_get(&r->server->in_flight, in_flight_name(r)))
		if (signal_wait(&r->server->landed, FOREVER, &e) < 0) {
			answer_err(r, &e);
			r->key.key = NULL;
			return false;
		}
	map_put(&r->server->in_flight, in_flight_name(r), r);
	if (conversation_key_used(r->server->o.all, r->mem, &r->key, conversation, seq, &e) == 0)
		return true;
	if (e.code == ERR_CONFLICT)
		answer_error(r, 409, "idempotency_conflict", "Idempotency-Key", "%s", e.msg);
	else
		answer_err(r, &e);
	key_done(r);
	return false;
}

void key_done(struct request *r)
{
	if (!r->key.key)
		return;
	map_take(&r->server->in_flight, in_flight_name(r));
	r->key.key = NULL;
	signal_wake_all(&r->server->landed);
}

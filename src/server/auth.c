#include "server/route.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define TOKEN "fdc_" /* fdc_CONVERSATION_SIGNATURE */

static void sha256_hex(const char *s, char out[65])
{
	unsigned char hash[DIGEST_SIZE];

	digest_of(s, strlen(s), hash);
	text_hex(out, hash, sizeof(hash));
}

/* The token is a signature over the conversation's id: nothing is stored, the same request made
 * twice gives the same. */
const char *auth_token(struct server *s, struct arena *mem, const char *id)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char hex[65];

	if (!HMAC(EVP_sha256(), s->secret, (int)strlen(s->secret), (const unsigned char *)id,
		strlen(id), mac, NULL))
		bug("HMAC failed");
	text_hex(hex, mac, 20);
	return arena_printf(mem, TOKEN "%s_%s", id, hex);
}

static const char *bearer(const struct request *r)
{
	const char *value = http_header(r->x, "Authorization");

	return value && !strncasecmp(value, "Bearer ", 7) ? value + 7 : NULL;
}

bool auth_key(const struct request *r)
{
	const struct server *s = r->server;
	const char *key = bearer(r);
	char hash[65];

	if (!key)
		return false;
	if (s->o.admin_key && text_secret_is(key, s->o.admin_key))
		return true;
	sha256_hex(key, hash);
	return s->admin_key_hash[0] && text_secret_is(hash, s->admin_key_hash);
}

const char *auth_key_scope(const struct request *r)
{
	char hash[65];

	sha256_hex(bearer(r), hash);
	return arena_printf(r->mem, CREATE_SCOPE "%.16s", hash);
}

/* The conversation that the token sent is for; NULL: none was sent, or it is not ours. */
static const char *token_for(const struct request *r)
{
	const char *token = bearer(r), *end;
	char *id;

	if (!token || !text_starts(token, TOKEN))
		return NULL;
	token += strlen(TOKEN);
	end = strrchr(token, '_');
	if (!end || end == token || (size_t)(end - token) >= WORLD_ID_SIZE)
		return NULL;
	id = arena_strndup(r->mem, token, (size_t)(end - token));
	return text_secret_is(bearer(r), auth_token(r->server, r->mem, id)) ? id : NULL;
}

void auth_who(struct request *r)
{
	if (auth_key(r))
		r->viewer = SEEN_BY_ADMIN;
	else if (r->id && text_is(token_for(r), r->id))
		r->viewer = SEEN_BY_CUSTOMER;
}

bool auth_check(struct request *r, enum access needed)
{
	if (needed == ACCESS_ANYBODY || r->viewer == SEEN_BY_ADMIN)
		return true;
	if (needed == ACCESS_CUSTOMER && r->viewer == SEEN_BY_CUSTOMER)
		return true;
	if (!bearer(r))
		answer_error(r, 401, "unauthorized", NULL,
		    "send Authorization: Bearer with an API key or the conversation's token");
	else if (needed == ACCESS_CUSTOMER && token_for(r)) /* another's: not even that it exists */
		answer_error(r, 404, "not_found", NULL, "there is no such conversation");
	else if (token_for(r))
		answer_error(r, 403, "forbidden", NULL,
		    "this needs an API key; a conversation's token is not enough");
	else
		answer_error(r, 401, "unauthorized", NULL, "the key or token is not known");
	return false;
}

/* A secret of the server's own, made when it is not there yet. */
static int secret(
    struct server *s, struct arena *mem, const char *name, char out[65], struct err *e)
{
	unsigned char bytes[32];
	const char *value;

	if (store_setting(conversations_store(s->o.all), mem, name, &value, e) < 0)
		return -1;
	if (value) {
		strncpy(out, value, 64);
		out[64] = '\0';
		return 0;
	}
	world_random(s->world, bytes, sizeof(bytes));
	text_hex(out, bytes, sizeof(bytes));
	return store_set_setting(conversations_store(s->o.all), name, out, e);
}

int auth_start(struct server *s, struct arena *mem, const char **new_key, struct err *e)
{
	const char *hash;
	char key[WORLD_ID_SIZE];

	*new_key = NULL;
	if (secret(s, mem, "token_secret", s->secret, e) < 0 ||
	    store_setting(conversations_store(s->o.all), mem, "admin_key_hash", &hash, e) < 0)
		return -1;
	if (hash) {
		strncpy(s->admin_key_hash, hash, sizeof(s->admin_key_hash) - 1);
		return 0;
	}
	if (s->o.admin_key)
		return 0;
	*new_key = arena_strdup(mem, world_id(s->world, "fdk_", key));
	sha256_hex(*new_key, s->admin_key_hash);
	return 0;
}

int server_keep_key(struct server *s, struct err *e)
{
	return store_set_setting(
	    conversations_store(s->o.all), "admin_key_hash", s->admin_key_hash, e);
}

#include "setup/address.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int address_read(struct arena *mem, const char *text, struct address *out, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char *host, *end = NULL;
	size_t n;

	if (!colon || colon == text)
		return err_set(
		    e, ERR_INVALID, "--listen %s: expected HOST:PORT, such as 127.0.0.1:8080", text);
	host = arena_strndup(mem, text, (size_t)(colon - text));
	n = strlen(host);
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		host++;
	}
	out->host = text_is(host, "localhost") ? "127.0.0.1" : host;
	out->port = (int)strtol(colon + 1, &end, 10);
	if (!colon[1] || *end || out->port < 0 || out->port > 65535)
		return err_set(
		    e, ERR_INVALID, "--listen %s: the port must be a number from 0 to 65535", text);
	return 0;
}

static bool loopback(const char *host)
{
	return text_starts(host, "127.") || text_is(host, "::1");
}

int address_check(
    const struct address *a, const struct config *c, bool demo, bool insecure, struct err *e)
{
	if (loopback(a->host))
		return 0;
	if (demo)
		return err_set(e, ERR_DENIED,
		    "--demo lets everybody be any demo customer: it works on a loopback address "
		    "only, not on %s",
		    a->host);
	if (insecure)
		return 0;
	for (int i = 0; i < c->ntools; i++)
		if (c->tools[i].effect == EFFECT_WRITE)
			return err_set(e, ERR_DENIED,
			    "%s can be reached from other machines, customers are not verified, "
			    "and the tool %s writes: listen on 127.0.0.1 behind a proxy, or say "
			    "--insecure if you know why",
			    a->host, c->tools[i].name);
	return 0;
}

#include "net/http_client_parts.h"

struct http_client *http_client_curl(struct world *w, int connections, struct err *e)
{
	(void)w;
	(void)connections;
	err_set(e, ERR_IO, "no HTTP client for real worlds yet");
	return NULL;
}

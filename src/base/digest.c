#include "base/digest.h"

#include "base/err.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct digest {
	EVP_MD *sha256;
	EVP_MD_CTX *ctx;
};

static void must(int ok)
{
	if (!ok)
		bug("SHA-256 failed");
}

struct digest *digest_new(void)
{
	struct digest *d = mem_new(struct digest);

	d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	d->ctx = EVP_MD_CTX_new();
	must(d->sha256 && d->ctx && EVP_DigestInit_ex2(d->ctx, d->sha256, NULL));
	return d;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	EVP_MD_free(d->sha256);
	free(d);
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	must(EVP_DigestUpdate(d->ctx, p, n));
}

void digest_end(struct digest *d, unsigned char out[DIGEST_SIZE])
{
	must(EVP_DigestFinal_ex(d->ctx, out, NULL) && EVP_DigestInit_ex2(d->ctx, d->sha256, NULL));
}

void digest_of(const void *p, size_t n, unsigned char out[DIGEST_SIZE])
{
	must(EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL));
}

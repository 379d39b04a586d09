#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/text.h"
#include "cli/verb.h"

#include <stdio.h>

#ifndef FRONTDESK_VERSION
#define FRONTDESK_VERSION "0.1.0"
#endif

/* To add a verb, add its row; each is a file of this folder. */
static const struct verb *const verbs[] = {
	&verb_serve,
	&verb_chat,
	&verb_init,
	&verb_doctor,
	&verb_check,
	&verb_decode,
};

static int help(void)
{
	printf("usage: frontdesk VERB ...\n\nCustomer support by an AI agent, on your own "
	       "machine.\n\n");
	for (size_t i = 0; i < array_len(verbs); i++)
		printf(
		    "  %-10s %-24s %s\n", verbs[i]->name, verbs[i]->arguments, verbs[i]->summary);
	printf("\n  frontdesk VERB --help    its options\n  frontdesk --version\n");
	return EXIT_OK;
}

static int unknown(const char *name)
{
	struct nearest near = nearest_to(name);
	char hint[60];

	for (size_t i = 0; i < array_len(verbs); i++)
		nearest_try(&near, verbs[i]->name);
	fprintf(stderr, "frontdesk: there is no verb \"%s\"%s\nsee frontdesk --help\n", name,
	    nearest_hint(&near, hint, sizeof(hint)));
	return EXIT_USAGE;
}

/* A reader that went away early, or a full disk, is a failure of what was asked for. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("frontdesk: writing to stdout");
	return status ? status : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: frontdesk VERB ...\nsee frontdesk --help\n");
		return EXIT_USAGE;
	}
	if (text_is(argv[1], "--help") || text_is(argv[1], "-h") || text_is(argv[1], "help"))
		return finish(help());
	if (text_is(argv[1], "--version")) {
		printf("frontdesk " FRONTDESK_VERSION "\n");
		return finish(EXIT_OK);
	}
	for (size_t i = 0; i < array_len(verbs); i++)
		if (text_is(argv[1], verbs[i]->name))
			return finish(verbs[i]->run(verbs[i], argc - 1, argv + 1));
	return unknown(argv[1]);
}

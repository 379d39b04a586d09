#ifndef CLI_VERB_H
#define CLI_VERB_H

/* What the program can be told to do: one const struct and one file a verb.
 *
 * To add one, copy check.c, declare it here and add a row in main.c.  run() gets the arguments
 * from the verb's own name on, as main() would, and returns the exit status: EXIT_OK, EXIT_FAILED
 * (what was asked for failed, said on stderr) or EXIT_USAGE. */

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct verb {
	const char *name;
	const char *arguments; /* "[AGENT]" */
	const char *summary;   /* in a line, for the list of verbs */
	const char *help;      /* the options, a line each; "" when there are none */
	int (*run)(const struct verb *v, int argc, char **argv);
};

extern const struct verb verb_chat, verb_check, verb_decode, verb_doctor, verb_init, verb_serve;

/* --help of one verb, on stdout. */
int verb_help(const struct verb *v);
/* A mistake in the arguments, on stderr: EXIT_USAGE. */
int verb_usage(const struct verb *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

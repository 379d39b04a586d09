#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const names[] = { "error", "warn", "info", "debug" };
static enum log_level limit = LOG_INFO;

void log_level(enum log_level level)
{
	limit = level;
}

bool log_level_named(const char *name)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i])) {
			limit = (enum log_level)i;
			return true;
		}
	return false;
}

/* One write a line, so that lines of two threads do not mix. */
static __attribute__((format(printf, 2, 0))) void line(
    enum log_level level, const char *fmt, va_list ap)
{
	char text[1200];
	struct timespec t;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(
	    text + n, sizeof(text) - n, ".%03ldZ %-5s ", t.tv_nsec / 1000000, names[level]);
	vsnprintf(text + n, sizeof(text) - n - 1, fmt, ap);
	strcat(text, "\n");
	fputs(text, stderr);
}

#define LOG_FUNCTION(name, level)                                                                  \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
                                                                                                   \
		if (level > limit)                                                                 \
			return;                                                                    \
		va_start(ap, fmt);                                                                 \
		line(level, fmt, ap);                                                              \
		va_end(ap);                                                                        \
	}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

/*
 * command.h
 *	  Steps that are commands of the user (add_sql).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_COMMAND_H
#define DATAOPS_COMMAND_H

#include "postgres.h"

/* Parses the text and refuses what a step cannot do: transaction control, COPY with the client. */
extern void command_check(const char *text);

/*
 * Runs the command or commands with the rights of the current user.  Returns the rows that the
 * last one processed.
 */
extern uint64 command_run(const char *text);

#endif

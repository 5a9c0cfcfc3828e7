/** The errors a user can cause: each message is one sentence that says what was expected, what was got and what to do next. */

/** Bad input: a file, a value or a model that cannot be used. The command line ends with exit code 1. */
export class InputError extends Error {
  override readonly name: string = 'InputError';
}

/** Wrong usage of a command or an option. The command line ends with exit code 2. */
export class UsageError extends InputError {
  override readonly name = 'UsageError';
}

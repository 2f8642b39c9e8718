/** Signatures to check, as a thread gets them: keys are sent once a batch, not once a token. */
export interface VerifyBatch {
  readonly tokens: readonly string[];
  /** Of each token. */
  readonly algorithms: readonly string[];
  /** Texts of JWKs. */
  readonly jwks: readonly string[];
  /** Index in `jwks` for each token. */
  readonly keyOf: readonly number[];
}

/** A password to try, as a thread gets it. */
export interface PasswordTry {
  readonly password: string;
  /** PHC string of scrypt. */
  readonly hash: string;
  /** Milliseconds since 1970 after which nobody waits for the answer. */
  readonly until: number;
}

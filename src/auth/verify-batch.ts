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

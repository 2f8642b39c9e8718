/** The modules of the bench are plain JavaScript without types; these are what the tests use of them. */

export interface Round {
  readonly [name: string]: Readonly<Record<string, number>>;
}
export type Row = Readonly<Record<string, number | string>>;
export interface Told {
  readonly kind: string;
  readonly summary: readonly Row[];
  readonly missing?: readonly { readonly name: string; readonly why: string }[];
  readonly notes?: readonly string[];
}
export interface Measured extends Told {
  readonly title: string;
  readonly date: string;
  readonly seconds?: number;
  readonly rounds?: readonly Round[];
}
export type Scenarios = Readonly<Record<string, Measured>>;
interface Sample {
  readonly seconds: number;
  readonly value: number;
}
interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Results {
  readonly commit: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly scenarios: Scenarios;
}
interface Goal {
  readonly scenario: string;
  readonly what: string;
  readonly limit: number;
  readonly value: number | undefined;
  readonly met: boolean | undefined;
}
interface Loss {
  readonly scenario: string;
  readonly other: string;
  readonly value: number;
}
type Summarise = (
  rounds: readonly Round[],
  against?: Readonly<Record<string, string>>,
  column?: string,
) => readonly Row[];
type RatioOf = (rounds: readonly Round[], name: string, other: string, column?: string) => Ratio | undefined;

interface Modules {
  report: {
    readonly median: (numbers: readonly number[]) => number;
    readonly percentile: (numbers: readonly number[], p: number) => number;
    readonly ratio: RatioOf;
    readonly difference: RatioOf;
    readonly summarise: Summarise;
    readonly growth: (samples: readonly Sample[]) => number;
    readonly cells: (kind: string, row: Row) => readonly string[];
    readonly table: (title: string, told: Told) => string;
  };
  goals: {
    readonly judge: (scenarios: Scenarios) => readonly Goal[];
    readonly losses: (scenarios: Scenarios) => readonly Loss[];
  };
  page: { readonly page: (results: Results, order?: readonly string[]) => string };
  options: {
    readonly readOptions: (
      args: readonly string[],
      names: readonly string[],
    ) => Readonly<Record<string, unknown>>;
  };
  scenarios: { readonly scenarios: Readonly<Record<string, unknown>> };
}

/** Loads a module of native-bench/ by its name. */
export async function load<Name extends keyof Modules>(name: Name): Promise<Modules[Name]> {
  return (await import(`../../native-bench/${name}.mjs`)) as Modules[Name];
}

/** The settings of a run that belong to its method: which methods take which, and the options that they make. */
import { InputError } from '../errors.js';
import { METHODS, type MethodOptions } from '../peft/index.js';
import { type TrainConfig, trainSchema } from './config.js';
import { Course } from './course.js';
import { kebab } from './settings.js';

/** θ of SaRA where nothing is said. */
export const DEFAULT_THRESHOLD = 2e-3;

/** Settings that say how much trains. */
const AMOUNTS = ['params', 'threshold', 'rank', 'width'] as const;

/** Throws InputError where a setting is given that the method does not have, or it is not told how much trains. */
export function expectMethodSettings(config: TrainConfig): void {
  const { method } = config;
  const takes = settingsOf(method);
  for (const [name, { option, initial }] of OPTION_SETTINGS) {
    const value = config[name];
    if (value === undefined || value === initial || METHODS[method].options.includes(option)) continue;
    const known = takes.map((taken) => `--${kebab(taken)}`).join(', ');
    throw new InputError(
      `--${kebab(name)}: method "${method}" does not have this setting; leave it out${known && ` or use ${known}`}`,
    );
  }
  const amounts = AMOUNTS.filter((name) => takes.includes(name));
  const given = amounts.filter((name) => config[name] !== undefined);
  if (given.length > 1) {
    const flags = given.map((name) => `--${name} ${config[name]}`).join(' and ');
    throw new InputError(`expected one setting that says how much trains, got ${flags}; leave one out`);
  }
  if (given.length === 0 && amounts.length === 1)
    throw new InputError(
      `method "${method}" needs the number of weights to train; give --params, such as 5M`,
    );
}

/** The settings that a method has beside those of every run. */
export function settingsOf(method: TrainConfig['method']): (keyof TrainConfig)[] {
  const { options } = METHODS[method];
  return [...OPTION_SETTINGS].flatMap(([name, { option }]) => (options.includes(option) ? [name] : []));
}

/** The options of the run's method. */
export function methodOptions(config: TrainConfig): MethodOptions {
  const { method, params, progressive, lambdaRank, rank, alpha, targetModules, width } = config;
  const { searchLearningRate, score, structured, gateLearningRate, gatePenalty } = config;
  const { vectors, seed, steps, device, threads } = config;
  const { threshold = params === undefined ? DEFAULT_THRESHOLD : undefined } = config;
  const all: MethodOptions = {
    threshold,
    targetParameters: params,
    lambdaRank,
    progressiveStep:
      progressive === 'on' ? Math.floor(steps / 2) : progressive === 'off' ? undefined : progressive,
    ...{ rank, alpha, targetModules, width },
    searchSteps: new Course(config).searchSteps,
    ...{ searchLearningRate, score, structured, gateLearningRate, gatePenalty },
    vectors,
    seed,
    runtime: { device, threads },
  };
  return Object.fromEntries(METHODS[method].options.map((option) => [option, all[option]]));
}

/** Whether a setting says anything about a run: it belongs to no other method, and what it stands beside is given. */
export function concerns(config: TrainConfig, name: string): boolean {
  const { option, beside } = trainSchema.shape[name as keyof TrainConfig]?.meta() ?? {};
  if (beside !== undefined && config[beside as keyof TrainConfig] === undefined) return false;
  return option === undefined || (METHODS[config.method].options as readonly string[]).includes(option);
}

/** Settings that an adapter tells elsewhere, or that say where things are and what is shown. */
const NOT_IN_RESULT: readonly string[] = [
  ...['method', 'threshold', 'prefix'],
  ...['model', 'data', 'classData', 'out', 'overwrite', 'cache', 'device', 'threads'],
  ...['samplePrompt', 'samplePrompts', 'sampleEvery', 'sampleSteps', 'sampleGuidance', 'checkpointEvery'],
];

/** What an adapter tells about its making; no paths. */
export function resultSettings(config: TrainConfig): Record<string, unknown> {
  const told = (name: string) => !NOT_IN_RESULT.includes(name) && concerns(config, name);
  return Object.fromEntries(
    Object.entries(config).filter(([name, value]) => value !== undefined && told(name)),
  );
}

interface OptionSetting {
  readonly option: keyof MethodOptions;
  /** Its value where nothing is said. */
  readonly initial: unknown;
}

const OPTION_SETTINGS: ReadonlyMap<keyof TrainConfig, OptionSetting> = new Map(
  Object.entries(trainSchema.shape).flatMap(([name, schema]) => {
    const option = schema.meta()?.option as keyof MethodOptions | undefined;
    const initial = schema.safeParse(undefined).data;
    return option ? [[name as keyof TrainConfig, { option, initial }] as const] : [];
  }),
);

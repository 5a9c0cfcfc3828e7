/** A run's folder: its configuration, metrics, samples and checkpoints, and what of them a continuation can trust. */
import { appendFile, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { InputError } from '../errors.js';
import {
  ensureFolder,
  exists,
  fileError,
  readSafetensors,
  readText,
  readYaml,
  type Tensors,
  writeFileAtomic,
  writeSafetensors,
} from '../formats/index.js';
import type { Tensor } from '../tensor/index.js';
import { type TrainConfig, trainSchema } from './config.js';
import { LOCK, type Lock, lockFolder } from './lock.js';
import { concerns } from './method-settings.js';
import { camel, kebab } from './settings.js';

/** Checkpoints that are kept: the last, and one before it in case that one is damaged. */
const KEPT = 2;

export interface Checkpoint {
  readonly step: number;
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

export class RunFolder {
  private constructor(
    readonly path: string,
    private readonly config: TrainConfig,
    private readonly lock: Lock,
  ) {}

  /**
   * Makes the folder, or looks at what is in it. Throws InputError where another process works in it, where it holds a
   * run of another configuration (unless that is to be overwritten), or where it holds something else.
   */
  static async open(path: string, config: TrainConfig): Promise<RunFolder> {
    await ensureFolder(path);
    const folder = new RunFolder(path, config, await lockFolder(path));
    try {
      await folder.expectOwn();
      return folder;
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  /** Begins or goes on: empties the folder if that was asked for, and writes config.yaml. */
  async claim(): Promise<void> {
    const stale = this.config.overwrite || !(await this.hasResults());
    for (const name of await readdir(this.path)) {
      if (isTemporary(name) || (stale && name !== LOCK)) await rm(this.file(name), { recursive: true });
    }
    for (const name of await listed(this.file('checkpoints'))) {
      if (isTemporary(name)) await rm(this.file('checkpoints', name));
    }
    await writeFileAtomic(this.file('config.yaml'), formatConfig(this.config));
  }

  /** Lets others in; a folder in which nothing was begun is removed. */
  async close(): Promise<void> {
    await this.lock.release();
    if ((await listed(this.path)).length === 0) await rmdir(this.path);
  }

  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  samplePath(step: number): string {
    return this.file('samples', `step-${String(step).padStart(6, '0')}.png`);
  }

  /** Adds a line to metrics.jsonl. */
  async log(metrics: Readonly<Record<string, number>>): Promise<void> {
    const path = this.file('metrics.jsonl');
    try {
      await appendFile(path, `${JSON.stringify(metrics)}\n`);
    } catch (error) {
      throw fileError('write', path, error);
    }
  }

  /** Writes the checkpoint of a step, then removes those it replaces. */
  async save(step: number, tensors: Tensors, metadata: Readonly<Record<string, string>>): Promise<string> {
    const path = this.file('checkpoints', `step-${step}.safetensors`);
    await writeSafetensors(path, tensors, { ...metadata, step: String(step) });
    const older = (await this.checkpointSteps()).filter((other) => other < step).slice(KEPT - 1);
    for (const other of older) await rm(this.file('checkpoints', `step-${other}.safetensors`));
    return path;
  }

  /** The last checkpoint that can be read; those that cannot are told to `note`. */
  async lastCheckpoint(note: (text: string) => void): Promise<Checkpoint | undefined> {
    for (const step of await this.checkpointSteps()) {
      const path = this.file('checkpoints', `step-${step}.safetensors`);
      try {
        return { step, path, ...(await readSafetensors(path)) };
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        note(`${error.message}; trying the checkpoint before it`);
      }
    }
    return undefined;
  }

  /** Drops the metrics and samples of steps after `step`, and of a line that was cut short. */
  async rewind(step: number): Promise<void> {
    const path = this.file('metrics.jsonl');
    if (await exists(path)) {
      const lines = (await readText(path)).split('\n').filter((line) => stepOf(line) <= step);
      await writeFileAtomic(path, lines.map((line) => `${line}\n`).join(''));
    }
    for (const name of await listed(this.file('samples'))) {
      const sampled = Number(/^step-(\d+)\.png$/.exec(name)?.[1] ?? 0);
      if (sampled > step) await rm(this.file('samples', name));
    }
  }

  /** Steps that have a checkpoint, latest first. */
  private async checkpointSteps(): Promise<number[]> {
    return (await listed(this.file('checkpoints')))
      .flatMap((name) => /^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
  }

  /** Whether something was trained here that can be gone on from. */
  private async hasResults(): Promise<boolean> {
    return (await this.checkpointSteps()).length > 0;
  }

  private async expectOwn(): Promise<void> {
    const content = (await readdir(this.path)).filter((name) => name !== LOCK && !isTemporary(name));
    if (content.length === 0) return;
    if (!content.includes('config.yaml')) {
      throw new InputError(
        `${this.path} is not empty and holds no training run (it has ${content[0]}); name a new folder with --out`,
      );
    }
    if (this.config.overwrite || !(await this.hasResults())) return;
    const before = (await readYaml(this.file('config.yaml'))) as Record<string, unknown> | null;
    const settings = Object.entries(before ?? {}).filter(([name]) => concerns(this.config, camel(name)));
    const difference = firstDifference(Object.fromEntries(settings), parse(formatConfig(this.config)));
    if (difference) {
      throw new InputError(
        `${this.path} holds a run with ${difference}; repeat its settings to go on, name another folder with --out, or start anew with --overwrite`,
      );
    }
  }
}

/** What an interrupted write left. */
const isTemporary = (name: string): boolean => name.startsWith('.') && name.endsWith('.tmp');

async function listed(folder: string): Promise<string[]> {
  return (await exists(folder)) ? readdir(folder) : [];
}

/** The step of a line of metrics; none of a line that is no JSON. */
function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as { step: number }).step;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The settings that make the result what it is, as YAML that --config reads. */
export function formatConfig(config: TrainConfig): string {
  const entries = Object.entries(trainSchema.shape)
    .filter(([name, schema]) => !schema.meta()?.incidental && concerns(config, name))
    .map(([name]) => [kebab(name), config[name as keyof TrainConfig]] as const)
    .filter(([, value]) => value !== undefined);
  return stringify(Object.fromEntries(entries));
}

function firstDifference(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): string | undefined {
  const same = (name: string) => JSON.stringify(before[name]) === JSON.stringify(now[name]);
  const shown = (value: unknown) => (value === undefined ? 'not given' : JSON.stringify(value));
  const name = [...new Set([...Object.keys(before), ...Object.keys(now)])].find((key) => !same(key));
  return name && `${name} ${shown(before[name])}, this one has ${shown(now[name])}`;
}

/** What the trainings of the emoji models share: a folder with a log, and a checkpoint from which the same command goes on. */
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '../../src/formats/index.js';
import type { Optimizer } from '../../src/peft/index.js';
import type { MovingAverage } from '../../src/train/ema.js';

/** Averaged weights stand in the checkpoint beside the optimizer's state. */
const AVERAGE = 'average.';

export class TrainingRun {
  private readonly checkpoint: string;
  private readonly first: number;
  private readonly started = cpuSeconds();
  /** The loss of the last steps, newer ones counting more. */
  private loss: number | undefined;

  private constructor(
    readonly folder: string,
    private readonly optimizer: Optimizer,
    private readonly average: MovingAverage,
  ) {
    this.checkpoint = checkpointIn(folder);
    this.first = optimizer.step;
  }

  /** Makes the folder, or puts optimizer and average where the run in it stopped. */
  static async open(folder: string, optimizer: Optimizer, average: MovingAverage): Promise<TrainingRun> {
    mkdirSync(folder, { recursive: true });
    if (existsSync(checkpointIn(folder))) {
      const { metadata, tensors } = await readSafetensors(checkpointIn(folder));
      const step = Number(metadata.step);
      optimizer.restore({ step, tensors });
      for (const [name, { data }] of average.averages)
        data.set(tensors.get(AVERAGE + name)!.data as Float32Array);
      average.updates = step;
      console.log(`going on from step ${step}`);
    }
    return new TrainingRun(folder, optimizer, average);
  }

  /** Counts a step that was done; every so many, the smoothed loss and `numbers` are logged. */
  stepped(loss: number, { every, ...numbers }: { every: number } & Record<string, number>): void {
    this.loss = this.loss === undefined ? loss : 0.98 * this.loss + 0.02 * loss;
    const { step } = this.optimizer;
    if (step % every !== 0) return;
    const cpuSecondsPerStep = (cpuSeconds() - this.started) / (step - this.first);
    this.log({ loss: this.loss, ...numbers, cpuSecondsPerStep });
  }

  /** Numbers of the present step, to four digits: on the console and in metrics.jsonl. */
  log(numbers: Readonly<Record<string, number>>): void {
    const rounded = Object.entries(numbers).map(([name, value]) => [name, Number(value.toPrecision(4))]);
    const line = JSON.stringify({ step: this.optimizer.step, ...Object.fromEntries(rounded) });
    appendFileSync(join(this.folder, 'metrics.jsonl'), `${line}\n`);
    console.log(line);
  }

  /** Writes what the run goes on from. */
  async save(): Promise<void> {
    const { step, tensors } = this.optimizer.state();
    const averages = [...this.average.averages].map(([name, value]) => [AVERAGE + name, value] as const);
    await writeSafetensors(this.checkpoint, new Map([...tensors, ...averages]), { step: String(step) });
  }
}

const checkpointIn = (folder: string): string => join(folder, 'checkpoint.safetensors');

/** Of this process, on all cores. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

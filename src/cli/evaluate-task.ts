/** Measuring generated pictures against real ones: what `sara evaluate` does in its worker thread. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type Measurement,
  type Metric,
  openMetrics,
  type Picture,
  type PictureResize,
} from '../metrics/index.js';
import type { Device } from '../runtime/index.js';
import { scanFolder } from '../train/index.js';

export interface EvaluateSettings {
  real: string;
  generated: string;
  /** The models that measure. */
  inception: string | undefined;
  clip: string | undefined;
  blip: string | undefined;
  resize: PictureResize;
  cache: string | undefined;
  device: Device;
  threads: number | undefined;
}

export interface EvaluateResult {
  status: 'finished' | 'stopped';
  measurements: Measurement[];
}

/** Thrown through the measuring where the task is asked to stop. */
class StopError extends Error {}

export async function evaluateTask(
  settings: EvaluateSettings,
  onEvent: (event: { done: number; total: number }) => void,
  stopRequested: () => boolean,
): Promise<EvaluateResult> {
  const sets = { real: await picturesOf(settings.real), generated: await picturesOf(settings.generated) };
  const { cache = defaultCache(), device, threads } = settings;
  const metrics: Metric[] = await openMetrics(settings, { cache, device, threads });
  try {
    const total = metrics.reduce((sum, metric) => sum + metric.pictures(sets), 0);
    let done = 0;
    const measurements: Measurement[] = [];
    for (const metric of metrics) {
      const found = await metric.measure(sets, () => {
        onEvent({ done: ++done, total });
        if (stopRequested()) throw new StopError();
      });
      measurements.push(...found);
    }
    return { status: 'finished', measurements };
  } catch (error) {
    if (error instanceof StopError) return { status: 'stopped', measurements: [] };
    throw error;
  } finally {
    for (const metric of metrics) await metric.dispose();
  }
}

/** The pictures of a folder, with captions where it has some. */
async function picturesOf(folder: string): Promise<Picture[]> {
  const { pairs } = await scanFolder(resolve(folder), { captioned: false });
  return pairs.map(({ path, caption }) => ({ path, caption }));
}

function defaultCache(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sara-diffusion', 'features');
}

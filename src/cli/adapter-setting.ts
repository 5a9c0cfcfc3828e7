/** Adapters as the command line names them: a file, and how strongly it applies. */
import { texts } from '../train/settings.js';

export interface AdapterChoice {
  readonly path: string;
  /** α of paper Eq. 2. */
  readonly scale: number;
}

/** `style.safetensors` or `style.safetensors:0.6` */
function adapterChoice(value: string): AdapterChoice {
  const [, path, scale] = /^(.+):(-?\d*\.?\d+(?:e[+-]?\d+)?)$/i.exec(value) ?? [];
  return path === undefined ? { path: value, scale: 1 } : { path, scale: Number(scale) };
}

/** The setting of commands that take adapters. */
export function adapterSetting() {
  return texts()
    .default([])
    .transform((values) => values.map(adapterChoice))
    .meta({
      argument: '<file[:scale]>',
      help: 'adapter to apply, or a LoRA or DoRA of another program; at full strength unless a scale is given; repeatable',
      repeatable: true,
    });
}

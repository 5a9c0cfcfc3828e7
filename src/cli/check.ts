/** `sara check` */
import { z } from 'zod';
import { checkFile, type FileCheck } from '../interop/index.js';
import { flag, text } from '../train/settings.js';
import type { CommandSpec } from './command.js';

const schema = z.strictObject({
  file: text('a file').meta({ help: 'adapter, LoRA, patch, embedding or weights' }),
  json: flag().default(false).meta({ help: 'as JSON' }),
});

export const check: CommandSpec<typeof schema> = {
  name: 'check',
  summary: 'Tell what a file is, and for each known application whether it loads it and why not.',
  schema,
  positional: ['file'],
  examples: ['sara check barbie-lora.safetensors', 'sara check runs/fluent/adapter.safetensors --json'],
  async run({ file, json }) {
    const found = await checkFile(file);
    console.log(json ? JSON.stringify(found, null, 2) : describe(found));
    return found.applications.some(({ loads }) => loads === 'yes' || loads === 'partly') ? 0 : 1;
  },
};

function describe({ path, description, problem, tensors, dtypes, applications }: FileCheck): string {
  const contents =
    tensors > 0
      ? [
          `${tensors} ${tensors === 1 ? 'tensor' : 'tensors'}${dtypes.length > 0 ? ` in ${dtypes.join(', ')}` : ''}`,
        ]
      : [];
  const head = [`${path}: ${description}`, ...contents, ...(problem === undefined ? [] : [problem])];
  const width = Math.max(...applications.map(({ application }) => application.length));
  const rows = applications.map(({ application, loads, why }) =>
    `${application.padEnd(width)}  ${loads.padEnd('unknown'.length)}  ${why}`.trimEnd(),
  );
  return [...head, '', ...rows].join('\n');
}

/** Adapter files: one `.safetensors` with the adapter's tensors and metadata. See docs/adapter-format.md. */
import { z } from 'zod';
import { InputError } from '../../errors.js';
import { readSafetensors, writeSafetensors } from '../../formats/index.js';
import { METHOD_NAMES } from '../method-names.js';
import type { Adapter } from './adapter.js';

const FORMAT = 'sara-diffusion adapter';
const VERSION = '1';

/** A number as text; JavaScript's shortest form gives the same number again. */
const numberText = z
  .string()
  .transform(Number)
  .refine((value) => Number.isFinite(value) && value > 0, 'expected a number above 0');

const jsonObjectText = z.string().transform((text, context) => {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    context.addIssue('expected a JSON object');
    return z.NEVER;
  }
});

const metadataSchema = z.object({
  method: z.enum(METHOD_NAMES, {
    error: ({ input }) => `expected one of ${METHOD_NAMES.join(', ')}, got ${input}`,
  }),
  base_network: z.string(),
  base_model: z.string(),
  base_fingerprint: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256: and 64 digits'),
  threshold: numberText.optional(),
  scale: numberText,
  prefix: z.string(),
  settings: jsonObjectText,
});

/** Writes an adapter, atomically. Throws InputError where the operating system refuses. */
export async function saveAdapter(path: string, adapter: Adapter): Promise<void> {
  const { method, base, threshold, scale, prefix, settings, tensors } = adapter;
  await writeSafetensors(path, tensors, {
    format: FORMAT,
    format_version: VERSION,
    method,
    base_network: base.network,
    base_model: base.model,
    base_fingerprint: base.fingerprint,
    ...(threshold === undefined ? {} : { threshold: String(threshold) }),
    scale: String(scale),
    prefix,
    settings: JSON.stringify(settings),
  });
}

/** Reads an adapter. Throws InputError where the file is broken, no adapter, or of a version or method unknown here. */
export async function loadAdapter(path: string): Promise<Adapter> {
  const { metadata, tensors } = await readSafetensors(path);
  if (metadata.format !== FORMAT) {
    throw new InputError(
      `${path} is no adapter of this program (its metadata lack the format "${FORMAT}"); name a file that "sara train" wrote, or see with "sara check" what this one is`,
    );
  }
  if (metadata.format_version !== VERSION) {
    throw new InputError(
      `${path} has adapter format ${metadata.format_version}, expected ${VERSION}; update sara-diffusion`,
    );
  }
  const result = metadataSchema.safeParse(metadata);
  if (!result.success) {
    const { path: place, message } = result.error.issues[0]!;
    throw new InputError(
      `cannot use the adapter ${path}: its "${place.join('.')}" is not valid (${message}); make it again`,
    );
  }
  const { base_network, base_model, base_fingerprint, ...rest } = result.data;
  const base = { network: base_network, model: base_model, fingerprint: base_fingerprint };
  return { ...rest, base, tensors, path };
}

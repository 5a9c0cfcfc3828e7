/** Every measure of generated pictures by its name: which model gives it, what it needs, and which way is better. */
import { InputError } from '../errors.js';
import type { Measurement, PictureSets } from './metric.js';

interface Measure {
  readonly model: 'inception' | 'clip' | 'blip';
  /** What there must be: captions of all generated pictures, a real picture, or two pictures in either set. */
  readonly needs: 'captions' | 'real' | 'two';
  readonly better: Measurement['better'];
}

export const MEASURES = {
  FID: { model: 'inception', needs: 'two', better: 'lower' },
  KID: { model: 'inception', needs: 'two', better: 'lower' },
  'CLIP score': { model: 'clip', needs: 'captions', better: 'higher' },
  'CLIP-T': { model: 'clip', needs: 'captions', better: 'higher' },
  'CLIP-I': { model: 'clip', needs: 'real', better: 'higher' },
  'CLIP Fréchet distance': { model: 'clip', needs: 'two', better: 'lower' },
  'CLIP kernel distance': { model: 'clip', needs: 'two', better: 'lower' },
  'B-VQA': { model: 'blip', needs: 'captions', better: 'higher' },
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof MEASURES;

const NAMES = Object.keys(MEASURES) as MeasureName[];

/** What these sets lack for a measure, as in "CLIP score needs …"; undefined where they lack nothing. */
export function lacking(name: MeasureName, { real, generated }: PictureSets): string | undefined {
  switch (MEASURES[name].needs) {
    case 'captions': {
      const bare = generated.filter(({ caption }) => caption === '').length;
      if (bare === 0 && generated.length > 0) return undefined;
      return `captions of all generated pictures, and ${bare} of ${generated.length} have none`;
    }
    case 'real':
      return real.length > 0 ? undefined : 'real pictures, and there are none';
    case 'two': {
      const small = [real, generated].findIndex(({ length }) => length < 2);
      if (small < 0) return undefined;
      const [what, count] = small === 0 ? ['real', real.length] : ['generated', generated.length];
      return `at least 2 ${what} pictures, and there ${count === 1 ? 'is 1' : 'are none'}`;
    }
  }
}

/** The measures of a model that these sets do not allow: sentences such as "CLIP score, CLIP-T need …". */
export function obstacles(model: Measure['model'], sets: PictureSets): string[] {
  const names = new Map<string, MeasureName[]>();
  for (const name of NAMES.filter((one) => MEASURES[one].model === model)) {
    const lack = lacking(name, sets);
    if (lack !== undefined) names.set(lack, [...(names.get(lack) ?? []), name]);
  }
  return [...names].map(
    ([lack, those]) => `${those.join(', ')} ${those.length === 1 ? 'needs' : 'need'} ${lack}`,
  );
}

/** The measures of a model that these sets allow. Throws InputError where that is none. */
export function allowedMeasures(model: Measure['model'], sets: PictureSets): Set<MeasureName> {
  const allowed = NAMES.filter((name) => MEASURES[name].model === model && lacking(name, sets) === undefined);
  if (allowed.length === 0) throw new InputError(`${obstacles(model, sets).join('; ')}; add what is missing`);
  return new Set(allowed);
}

/** A number as its measure describes it. */
export function measurement(
  name: MeasureName,
  value: number,
  details: Measurement['details'],
  model?: string,
): Measurement {
  return { name, value, better: MEASURES[name].better, details, ...(model === undefined ? {} : { model }) };
}

/** What a measurement is called wherever it is shown: `FID`, `CLIP score (emoji-clip)`. */
export function measurementLabel({ name, model }: { name: string; model?: string }): string {
  return model === undefined ? name : `${name} (${model})`;
}

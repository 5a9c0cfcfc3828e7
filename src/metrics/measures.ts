/** Every measure of generated pictures by its name: which model gives it, what it needs, and which way is better. */
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

/** The measures that a model gives. */
export function measuresOf(model: Measure['model']): MeasureName[] {
  return (Object.keys(MEASURES) as MeasureName[]).filter((name) => MEASURES[name].model === model);
}

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
export function measurementLabel({ name, model }: Pick<Measurement, 'name' | 'model'>): string {
  return model === undefined ? name : `${name} (${model})`;
}

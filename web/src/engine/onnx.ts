/**
 * Enough of ONNX's file format (Protocol Buffers) to take a graph's nodes apart and put them together again.
 *
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

export interface Field {
  number: number;
  /** 0: varint, 1: 8 bytes, 2: length-delimited, 5: 4 bytes. */
  wire: number;
  /** The value's bytes, without tag and length. */
  value: Uint8Array;
}

const text = new TextDecoder(), bytesOf = new TextEncoder();

/** The fields of a message, in the file's order. */
export function fields(message: Uint8Array): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0, factor = 1;
    for (;;) {
      const byte = message[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag & 7;
    let start = at;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      start = at;
      at += length;
    } else throw new Error(`this is no ONNX file: wire type ${wire} at byte ${start}`);
    found.push({ number: Math.floor(tag / 8), wire, value: message.subarray(start, at) });
  }
  return found;
}

export function message(parts: readonly Field[]): Uint8Array {
  const heads = parts.map(({ number, wire, value }) => {
    const head = varintBytes(number * 8 + wire);
    return wire === 2 ? [...head, ...varintBytes(value.length)] : head;
  });
  const out = new Uint8Array(parts.reduce((sum, part, i) => sum + heads[i].length + part.value.length, 0));
  let at = 0;
  parts.forEach((part, i) => {
    out.set(heads[i], at);
    out.set(part.value, at + heads[i].length);
    at += heads[i].length + part.value.length;
  });
  return out;
}

function varintBytes(value: number): number[] {
  const out = [];
  for (; value >= 128; value = Math.floor(value / 128)) out.push((value % 128) + 128);
  return [...out, value];
}

export function string(value: Uint8Array): string {
  return text.decode(value);
}

export function stringField(number: number, value: string): Field {
  return { number, wire: 2, value: bytesOf.encode(value) };
}

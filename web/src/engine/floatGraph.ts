/**
 * A graph that computes in 8 bits, made to compute in floats.
 *
 * The embedded landmarker's backbone is stored in 8 bits and computes in them, which is quick where processors multiply
 * bytes. WebAssembly's kernels do not: there the same graph in floats takes less than half the time. Weights stay as
 * stored (the runtime turns them into floats once, while it loads); the roundings of activations between the layers go.
 * Where such a rounding cut below zero it was the layer's ReLU, and stays as one.
 */

import { fields, message, string, stringField, type Field } from "./onnx.ts";

const GRAPH = 7; // of ModelProto
const NODE = 1, INITIALIZER = 5; // of GraphProto
const INPUT = 1, OUTPUT = 2, OP_TYPE = 4; // of NodeProto
const INT32_DATA = 5, NAME = 8, RAW_DATA = 9; // of TensorProto

interface Node {
  field: Field;
  parts: Field[];
  type: string;
  inputs: string[];
  outputs: string[];
}

/** The model without its pairs of QuantizeLinear and DequantizeLinear; a model without them comes back as it is. */
export function floatGraph(model: Uint8Array): Uint8Array {
  return message(
    fields(model).map((field) => (field.number === GRAPH ? { ...field, value: floatBody(field.value) } : field)),
  );
}

function floatBody(graph: Uint8Array): Uint8Array {
  const parts = fields(graph);
  const nodes = new Map(parts.filter((part) => part.number === NODE).map((part) => [part, readNode(part)]));
  const quantized = new Map<string, Node>(); // by what they put out
  for (const node of nodes.values()) if (node.type === "QuantizeLinear") quantized.set(node.outputs[0], node);
  if (!quantized.size) return graph;
  const zeros = zeroPoints(parts);
  const renamed = new Map<string, string>();
  const out: Field[] = [];
  for (const part of parts) {
    const node = nodes.get(part);
    if (!node) out.push(part);
    else if (node.type === "QuantizeLinear") continue;
    else if (node.type === "DequantizeLinear" && quantized.has(node.inputs[0])) {
      const source = quantized.get(node.inputs[0]) as Node;
      const from = renamed.get(source.inputs[0]) ?? source.inputs[0];
      if (zeros.has(source.inputs[2])) out.push(relu(from, node.outputs[0]));
      else renamed.set(node.outputs[0], from);
    } else out.push(node.inputs.some((name) => renamed.has(name)) ? withInputs(node, renamed) : part);
  }
  return message(out);
}

function readNode(field: Field): Node {
  const parts = fields(field.value);
  const named = (number: number) => parts.filter((part) => part.number === number).map((part) => string(part.value));
  return { field, parts, type: named(OP_TYPE)[0], inputs: named(INPUT), outputs: named(OUTPUT) };
}

/** Names of the one-number initializers that are 0. */
function zeroPoints(graph: readonly Field[]): Set<string> {
  const names = new Set<string>();
  for (const { number, value } of graph) {
    if (number !== INITIALIZER) continue;
    const parts = fields(value);
    const data = parts.find((part) => part.number === RAW_DATA || part.number === INT32_DATA);
    const name = parts.find((part) => part.number === NAME);
    if (name && (!data || (data.value.length <= 4 && data.value.every((byte) => byte === 0)))) names.add(string(name.value));
  }
  return names;
}

function relu(input: string, output: string): Field {
  const parts = [stringField(INPUT, input), stringField(OUTPUT, output), stringField(OP_TYPE, "Relu")];
  return { number: NODE, wire: 2, value: message(parts) };
}

function withInputs(node: Node, renamed: ReadonlyMap<string, string>): Field {
  const parts = node.parts.map((part) => {
    const other = part.number === INPUT ? renamed.get(string(part.value)) : undefined;
    return other === undefined ? part : stringField(INPUT, other);
  });
  return { number: NODE, wire: 2, value: message(parts) };
}

/**
 * Node's test environment for tests that run ONNX Runtime in the test's own thread. Its native code makes typed arrays
 * of the outer realm, and its JavaScript checks them with `instanceof` inside jest's: both must be the same classes.
 */
const { TestEnvironment } = require("jest-environment-node");

class OnnxEnvironment extends TestEnvironment {
  constructor(...args) {
    super(...args);
    Object.assign(this.global, { Float32Array, BigInt64Array, Int32Array });
  }
}

module.exports = OnnxEnvironment;

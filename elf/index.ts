export { Btf } from "./btf.ts";
export type {
  BtfAlias,
  BtfArray,
  BtfComposite,
  BtfDataSection,
  BtfDeclTag,
  BtfEnum,
  BtfEnum64,
  BtfFloat,
  BtfForward,
  BtfFunction,
  BtfFunctionPrototype,
  BtfInt,
  BtfKind,
  BtfLinkage,
  BtfMember,
  BtfPointer,
  BtfSectionVariable,
  BtfType,
  BtfVariable,
  BtfVoid,
} from "./btf-types.ts";
export { applyCoreRelocations, type CoreApplied, CoreRelocator, type CoreResult, type CoreTargets } from "./core.ts";
export { CORE_POISON } from "./core-patch.ts";
export { BtfError, ElfError, RelocationError } from "./errors.ts";
export { ElfObject } from "./object.ts";
export { meaningOfSection, type SectionMeaning } from "./section-names.ts";
export type {
  CoreRelocation,
  FunctionSpan,
  MapSpec,
  ProgramSpec,
  Relocation,
  SectionSpec,
  SymbolSpec,
} from "./spec.ts";
export { parseTargetBtf } from "./target-btf.ts";

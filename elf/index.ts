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

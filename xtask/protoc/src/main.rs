//! Stands in for `protoc` where a dependency's build script asks for it: the compiler is protox, so a machine needs
//! nothing but Rust. It knows the arguments that prost-build gives, and no others.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut includes, mut files, mut out) = (Vec::new(), Vec::new(), None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Both are always done.
            "--include_imports" | "--include_source_info" | "--experimental_allow_proto3_optional" => {}
            "-o" => out = args.next().map(PathBuf::from),
            "-I" => includes.extend(args.next().map(PathBuf::from)),
            file if !file.starts_with('-') => files.push(PathBuf::from(file)),
            other => return Err(format!("{other} is not known to this stand-in; set PROTOC to a real protoc").into()),
        }
    }
    let out = out.ok_or("-o FILE is missing")?;
    let mut compiler = protox::Compiler::new(includes)?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;
    std::fs::write(out, compiler.file_descriptor_set().encode_to_vec())?;
    Ok(())
}
